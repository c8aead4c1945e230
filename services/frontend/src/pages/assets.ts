import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { fileURLToPath } from "node:url";

/** A file of the pages, ready to go out. */
interface Asset {
  readonly path: string;
  readonly type: string;
  readonly encodings: Readonly<Record<"br" | "gzip" | "identity", Uint8Array<ArrayBuffer>>>;
}

/** The script and the style sheet of the pages. */
export interface Assets {
  readonly scriptPath: string;
  readonly stylePath: string;
  /** A file by its path, in the smallest encoding that the caller takes. */
  serve(path: string, acceptEncoding: string | null): Response | undefined;
}

const browserFile = (name: string) => fileURLToPath(new URL(`../browser/${name}`, import.meta.url));
const TYPES = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" } as const;
const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/**
 * Bundles the pages with Bun, in memory, and compresses them once. A path holds the hash of what it serves, so that browsers may keep it for ever.
 * @throws an AggregateError when a source cannot be bundled
 */
export async function buildAssets(): Promise<Assets> {
  const { outputs } = await Bun.build({
    entrypoints: [browserFile("main.tsx"), browserFile("style.css")],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const assetOf = async (kind: keyof typeof TYPES): Promise<Asset> => {
    const output = outputs.find(({ path }) => path.endsWith(`.${kind}`));
    if (output === undefined) throw new Error(`the bundle of the pages has no .${kind}`);
    const content = new Uint8Array(await output.arrayBuffer());
    const hash = new Bun.CryptoHasher("sha256").update(content).digest("hex").slice(0, 16);
    const [br, gz] = await Promise.all([
      brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
      zip(content, { level: 9 }),
    ]);
    return {
      path: `/assets/${hash}.${kind}`,
      type: TYPES[kind],
      encodings: { br: Uint8Array.from(br), gzip: Uint8Array.from(gz), identity: content },
    };
  };
  const [script, style] = await Promise.all([assetOf("js"), assetOf("css")]);
  return {
    scriptPath: script.path,
    stylePath: style.path,
    serve(path, acceptEncoding) {
      const asset = [script, style].find((one) => one.path === path);
      if (asset === undefined) return undefined;
      const accepted = new Set((acceptEncoding ?? "").split(",").map((part) => part.trim()));
      const encoding = accepted.has("br") ? "br" : accepted.has("gzip") ? "gzip" : "identity";
      return new Response(asset.encodings[encoding], {
        headers: {
          "content-type": asset.type,
          ...(encoding === "identity" ? {} : { "content-encoding": encoding }),
          vary: "Accept-Encoding",
          "cache-control": "public, max-age=31536000, immutable",
          "x-content-type-options": "nosniff",
        },
      });
    },
  };
}
