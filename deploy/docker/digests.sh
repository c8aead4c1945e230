#!/bin/sh
# Prints a compose file that names every image of the composed system by its digest, which cannot be moved as a tag can:
#   deploy/docker/digests.sh IMAGE@sha256:DIGEST >compose.digests.yaml
# IMAGE is what was built of this repository. `docker compose -f compose.yaml -f compose.digests.yaml up` runs exactly these images and builds none.
# It needs docker with compose and buildx, jq, and the registries of the images.
set -eu
digest='sha256:[0-9a-f]\{64\}'
if [ $# -ne 1 ] || ! expr "$1" : ".*@$digest\$" >/dev/null; then
  echo "usage: $0 IMAGE@sha256:DIGEST" >&2
  exit 2
fi
cd "$(dirname "$0")/../.."
config=$(IMAGE=$1 docker compose -f compose.yaml -f compose.release.yaml --profile observability config --format json)
echo "services:"
echo "$config" | jq -r '.services | to_entries[] | "\(.key) \(.value.image)"' | sort | while read -r service image; do
  if [ "$image" = "$1" ]; then
    echo "  $service: { image: \"$image\", pull_policy: missing, build: !reset null }"
    continue
  fi
  found=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}' </dev/null)
  expr "$found" : "$digest\$" >/dev/null || { echo "$image has no digest: $found" >&2; exit 1; }
  echo "  $service: { image: \"$image@$found\" }"
done
