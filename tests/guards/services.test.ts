import { expect, test } from "bun:test";
import { join } from "node:path";
import { allMessages } from "@shop/contracts/messages/registry";
import { participants, processNames, services } from "@shop/contracts/services";
import { Glob } from "bun";
import { REPOSITORY } from "./repository.ts";
import { COMPARED, differences } from "./services.ts";

const read = (path: string) => Bun.file(join(REPOSITORY, path)).text();

test("compose, Kubernetes, Terraform, scripts, Prometheus and the Dockerfile name the services as their manifest does", async () => {
  expect(await differences(read)).toEqual([]);
});

test("the manifest has every service that is there", async () => {
  const folders = await Array.fromAsync(new Glob("services/*/src/main.ts").scan(REPOSITORY));
  expect(folders.map((path) => path.split("/")[1] ?? "").toSorted()).toEqual(processNames.toSorted());
});

test("the topics of the manifest are those of its services' messages", () => {
  for (const name of participants) {
    const { reads, owns } = services[name].topics;
    const received = allMessages.flatMap(({ topic, receivers }) => (receivers.includes(name) ? [topic] : []));
    expect([name, [...reads].toSorted()]).toEqual([name, [...new Set(received)].toSorted()]);
    for (const topic of owns) expect(topic).toStartWith(`${name}.`);
  }
});

// The place of one service in each file.
const PLACES: Readonly<Record<(typeof COMPARED)[number], string>> = {
  "compose.yaml": "DELIVERY_URL: http://delivery:8004",
  "compose.cluster.yaml": "  delivery: *participant",
  "deploy/docker/Dockerfile": "COPY services/delivery/package.json services/delivery/",
  "deploy/docker/backup.sh": "set -- user order product delivery",
  "deploy/docker/dumps.sh": "order product delivery",
  "deploy/docker/restore.sh": "set -- user order product delivery",
  "deploy/kubernetes/aws/kustomization.yaml": "order, product, delivery",
  "deploy/kubernetes/aws/secrets.yaml": "  name: delivery-migration-database",
  "deploy/kubernetes/base/gateway/kustomization.yaml": "DELIVERY_URL",
  "deploy/kubernetes/base/kustomization.yaml": "  - delivery",
  "deploy/kubernetes/base/network-policies.yaml": "  name: delivery-service",
  "deploy/kubernetes/local/kustomization.yaml": "  - delivery-db",
  "deploy/kubernetes/local/make-secrets.sh": "order product delivery",
  "deploy/observability/alerts.yml": `absent(up{job="delivery"})`,
  "deploy/observability/prometheus.yml": "port: 9004",
  "deploy/terraform/network.tf": `"product", "delivery"`,
};

test.each([...COMPARED])("%s without one of the services is noticed", async (file) => {
  const without = async (path: string) => {
    const text = await read(path);
    if (path !== file) return text;
    const place = PLACES[file];
    expect(text).toContain(place);
    return text.replace(place, (found) =>
      found.replace("delivery", "parcels").replace("9004", "9014").replace("DELIVERY", "PARCELS"),
    );
  };
  const found = await differences(without);
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter((sentence) => !sentence.startsWith(`${file}:`))).toEqual([]);
});
