import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AddressRefused, objectionToUrl, parseNetwork } from "./public-addresses.ts";
import { postTo } from "./post.ts";

const LOOPBACK = [parseNetwork("127.0.0.0/8")];
const folder = mkdtempSync(join(tmpdir(), "outbound-"));
const made = Bun.spawnSync([
  ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
  ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
  ...["-subj", "/CN=hook.example.com", "-addext", "subjectAltName=DNS:hook.example.com"],
]);
if (!made.success) throw new Error(made.stderr.toString());
const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(folder, name), "utf8"));

const asked: { host: string | null; path: string }[] = [];
function answer(request: Request): Response | Promise<Response> {
  const { pathname } = new URL(request.url);
  asked.push({ host: request.headers.get("host"), path: pathname });
  if (pathname === "/silent") return new Promise(() => undefined);
  return pathname === "/moved"
    ? new Response(null, { status: 302, headers: { location: "/elsewhere" } })
    : new Response("x".repeat(1_000_000), { status: 200 });
}
const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
const secure = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { key: key ?? "", cert: cert ?? "" }, fetch: answer });
afterAll(async () => {
  await Promise.all([plain.stop(true), secure.stop(true)]);
  rmSync(folder, { recursive: true });
});

const given = { headers: {}, body: "{}", allowed: LOOPBACK, ca: cert ?? "" };
const post = (url: string, addresses: readonly string[], ms = 5_000) =>
  postTo({ ...given, url, signal: AbortSignal.timeout(ms), resolve: async () => addresses });

test("a request goes to the address that was looked up and allowed, under its name, whose certificate it asks for", async () => {
  expect((await post(`https://hook.example.com:${secure.port}/a`, ["127.0.0.1"])).status).toBe(200);
  expect(asked.at(-1)).toEqual({ host: `hook.example.com:${secure.port}`, path: "/a" });
  await expect(post(`https://other.example.com:${secure.port}/a`, ["127.0.0.1"])).rejects.toThrow("altnames");
});

test("a name is looked up once for a request, so that an answer that changes in between leads nowhere else", async () => {
  let looks = 0;
  const resolve = async () => (looks++ === 0 ? ["127.0.0.1"] : ["10.0.0.1"]);
  const url = `http://rebinding.example.com:${plain.port}/b`;
  expect((await postTo({ ...given, url, signal: AbortSignal.timeout(5_000), resolve })).status).toBe(200);
  expect(looks).toBe(1);
});

test("no request goes to a name of which one address is not allowed", async () => {
  const before = asked.length;
  const refused = post(`http://mixed.example.com:${plain.port}/c`, ["127.0.0.1", "192.168.0.1"]);
  await expect(refused).rejects.toBeInstanceOf(AddressRefused);
  await expect(post(`http://nowhere.example.com:${plain.port}/c`, [])).rejects.toBeInstanceOf(AddressRefused);
  expect(asked.length).toBe(before);
});

test("a redirect is the answer and is not followed", async () => {
  expect((await post(`http://hook.example.com:${plain.port}/moved`, ["127.0.0.1"])).status).toBe(302);
  expect(asked.at(-1)?.path).toBe("/moved");
});

test("who does not answer in time is given up, also while the name is looked up", async () => {
  await expect(post(`http://hook.example.com:${plain.port}/silent`, ["127.0.0.1"], 100)).rejects.toThrow();
  const never = () => new Promise<never>(() => undefined);
  const url = "https://hook.example.com/";
  await expect(postTo({ ...given, url, signal: AbortSignal.timeout(50), resolve: never })).rejects.toThrow("timed out");
});

test("private, loopback, link-local, shared, reserved and embedded addresses are refused, unless their network is allowed", () => {
  const objection = (url: string, allowed = LOOPBACK.slice(1)) => objectionToUrl(new URL(url), allowed);
  for (const host of [
    ...["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"],
    ...[
      "2130706433",
      "0x7f.1",
      "[::1]",
      "[fd00::1]",
      "[fe80::1]",
      "[::ffff:10.0.0.1]",
      "[64:ff9b::a00:1]",
      "[2002:a00:1::]",
    ],
  ])
    expect(objection(`https://${host}/`), host).toContain("no public address");
  expect(objection("https://8.8.8.8/")).toBeUndefined();
  expect(objection("https://[2606:4700::1111]/")).toBeUndefined();
  expect(objection("https://10.1.2.3/", [parseNetwork("10.0.0.0/8")])).toBeUndefined();
  expect(objection("http://8.8.8.8/", LOOPBACK)).toContain("https://");
  expect(objection("http://example.com/")).toContain("https://");
  expect(objection("https://user:word@example.com/")).toContain("password");
});
