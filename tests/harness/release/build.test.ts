import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildRelease } from "./build.ts";
import { type Edit, nextRelease, releaseAfterNext } from "./edits.ts";

const folder = await mkdtemp(join(tmpdir(), "releases-"));
afterAll(() => rm(folder, { recursive: true }));

/** What a program says that imports the code of a release. */
async function askRelease(path: string, question: string): Promise<string> {
  return (await Bun.$`${process.execPath} -e ${question}`.cwd(join(path, "services/orchestrator")).text()).trim();
}

const VERSIONS = `
  const { orderSagaVersions } = await import("./src/sagas/registry.ts");
  const { messagesByType } = await import("@shop/contracts/messages/registry");
  const command = messagesByType.get("DecreaseProductCommand");
  console.log(JSON.stringify({
    sagas: orderSagaVersions.known,
    steps: orderSagaVersions.newest.compensatable.map(({ name }) => name),
    sends: command.version,
    reads: command.alsoReads.map(({ version }) => version),
    knows: messagesByType.has("ProductPacked"),
  }));`;

test("the next releases can be made of this one: they know a new step first, and then go it", async () => {
  const next = await buildRelease(join(folder, "next"), nextRelease);
  const afterNext = await buildRelease(join(folder, "after-next"), releaseAfterNext);
  expect(JSON.parse(await askRelease(next, VERSIONS))).toEqual({
    ...{ sagas: [1], steps: ["DECREASE_PRODUCT", "CREATE_DELIVERY"] },
    ...{ sends: 1, reads: [2], knows: true },
  });
  expect(JSON.parse(await askRelease(afterNext, VERSIONS))).toEqual({
    ...{ sagas: [1, 2], steps: ["DECREASE_PRODUCT", "PACK_PRODUCT", "CREATE_DELIVERY"] },
    ...{ sends: 2, reads: [1], knows: true },
  });
}, 60_000);

test("an edit whose place is gone is not left out in silence", () => {
  const lost: Edit = { file: "package.json", from: "nobody wrote this", to: "" };
  expect(buildRelease(join(folder, "lost"), [lost])).rejects.toThrow("where it stands 0 times");
});
