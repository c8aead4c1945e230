import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const openssl = (...words: readonly string[]) => promisify(execFile)("openssl", [...words]);

export interface Certificate {
  /** PEM, as all that follow. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority for one test. */
export interface Authority {
  readonly certificate: string;
  /** A file with the same. */
  readonly file: string;
  /** @param names as openssl writes them: `DNS:localhost,IP:127.0.0.1` */
  issue(names: string): Promise<Certificate>;
  remove(): Promise<void>;
}

/** Makes an authority with openssl; its certificates are good for a day. */
export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), "authority-"));
  const at = (name: string) => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "1"];
  await openssl(
    ...["req", "-x509", ...newKey, "-subj", "/CN=authority of a test"],
    ...["-keyout", at("ca.key"), "-out", at("ca.pem")],
  );
  return {
    certificate: await readFile(at("ca.pem"), "utf8"),
    file: at("ca.pem"),
    async issue(names) {
      await writeFile(at("names"), `subjectAltName=${names}\n`);
      await openssl(
        ...["req", ...newKey.slice(0, -2), "-subj", "/CN=part of a test"],
        ...["-keyout", at("key"), "-out", at("request")],
      );
      await openssl(
        ...["x509", "-req", "-in", at("request"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-days", "1"],
        ...["-extfile", at("names"), "-out", at("certificate")],
      );
      return { certificate: await readFile(at("certificate"), "utf8"), key: await readFile(at("key"), "utf8") };
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
