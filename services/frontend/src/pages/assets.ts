import { fileURLToPath } from "node:url";
import { KEPT_FOR_EVER, serveFile, staticFile } from "@shop/http/server/static-file";
import { ExplainedError } from "@shop/runtime/errors";

/** The script and the style sheet of the pages. */
export interface Assets {
  readonly scriptPath: string;
  readonly stylePath: string;
  /** A file by its path, in the smallest encoding that the caller takes. */
  serve(path: string, request: Headers): Response | undefined;
}

const browserFile = (name: string) => fileURLToPath(new URL(`../browser/${name}`, import.meta.url));
const TYPES = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" } as const;

/**
 * Bundles the pages with Bun, in memory, and compresses them once. A path holds the hash of what it serves, so that browsers may keep it indefinitely.
 * @throws an AggregateError when a source cannot be bundled
 */
export async function buildAssets(): Promise<Assets> {
  const { outputs } = await Bun.build({
    entrypoints: [browserFile("main.tsx"), browserFile("style.css")],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const assetOf = async (kind: keyof typeof TYPES) => {
    const output = outputs.find(({ path }) => path.endsWith(`.${kind}`));
    if (output === undefined) throw new ExplainedError(`the bundle of the pages has no .${kind}`);
    const file = await staticFile(new Uint8Array(await output.arrayBuffer()), TYPES[kind]);
    return { path: `/assets/${file.hash}.${kind}`, file };
  };
  const [script, style] = await Promise.all([assetOf("js"), assetOf("css")]);
  return {
    scriptPath: script.path,
    stylePath: style.path,
    serve(path, request) {
      const asset = [script, style].find((one) => one.path === path);
      return asset && serveFile(asset.file, request, { "cache-control": KEPT_FOR_EVER });
    },
  };
}
