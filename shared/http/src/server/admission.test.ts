import { beforeEach, describe, expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { type Admission, createAdmission } from "./admission.ts";

const MOST = 1_000;
let clock: ManualClock;
let admission: Admission;
let lateMs: number;

beforeEach(() => {
  clock = new ManualClock();
  lateMs = 0;
  admission = createAdmission({ clock, most: MOST, eventLoopLag: { nowMs: () => lateMs } });
});

/** Calls begin to wait until there is no room. @returns how each is answered */
function fill(): (() => void)[] {
  const answers: (() => void)[] = [];
  while (admission.hasRoom()) answers.push(admission.enter());
  return answers;
}

/** More calls come every 10 ms than there is room for; each of those that wait is answered so long after it came. */
async function flood({ forMs, tookMs }: { forMs: number; tookMs: number }): Promise<void> {
  const waiting: { readonly answer: () => void; readonly atMs: number }[] = [];
  for (let ms = 0; ms < forMs; ms += 10) {
    while (waiting[0] && waiting[0].atMs <= clock.elapsed()) waiting.shift()?.answer();
    for (const answer of fill()) waiting.push({ answer, atMs: clock.elapsed() + tookMs });
    await clock.advance(10);
  }
  for (const { answer } of waiting) answer();
}

describe("the calls that may wait at once", () => {
  test("are at most as many as are allowed, and one more for each that is answered", () => {
    const [answer] = fill();
    expect(admission.hasRoom()).toBe(false);
    answer?.();
    expect(fill()).toHaveLength(1);
  });

  test("stay as many while even some answers are quick, however slow others are: one slow service is not a flood", async () => {
    for (let count = 0; count < 300; count += 1) admission.enter();
    for (let ms = 0; ms < 20_000; ms += 200) {
      const answer = admission.enter();
      await clock.advance(200);
      answer();
    }
    expect(admission.hasRoom()).toBe(true);
    expect(admission.limit).toBe(MOST);
  });

  test("become fewer within 3 s when not even the quickest is answered in good time, yet enough to keep work under way", async () => {
    await flood({ forMs: 3_000, tookMs: 2_000 });
    expect(admission.limit).toBeLessThan(MOST / 3);
    await flood({ forMs: 60_000, tookMs: 2_000 });
    expect(admission.limit).toBeGreaterThanOrEqual(200);
  });

  test("become more again when answers are quick in the midst of a flood", async () => {
    await flood({ forMs: 10_000, tookMs: 2_000 });
    await flood({ forMs: 10_000, tookMs: 100 });
    expect(admission.limit).toBe(MOST);
  });

  test("are as many as before some seconds after a flood, whoever has called meanwhile", async () => {
    await flood({ forMs: 10_000, tookMs: 2_000 });
    await clock.advance(6_000);
    expect(fill()).toHaveLength(MOST);
  });

  test("are but a few while the process is late, since what it looks at has waited unseen, and as many as before when it is on time", () => {
    lateMs = 2_000;
    const few = fill().length;
    expect(few).toBeGreaterThan(0);
    expect(few).toBeLessThan(MOST / 10);
    lateMs = 20;
    expect(fill()).toHaveLength(MOST - few);
  });

  test("are none while the process is so late, in a flood, that hardly anything is left of their callers' time", async () => {
    lateMs = 2_000;
    expect(admission.hasRoom()).toBe(true);
    lateMs = 0;
    for (const answer of fill()) answer();
    lateMs = 2_000;
    expect(admission.hasRoom()).toBe(false);
    await clock.advance(6_000);
    expect(admission.hasRoom()).toBe(true);
  });

  test("are no fewer for a pause in which nobody called", async () => {
    admission.enter()();
    await clock.advance(60_000);
    expect(fill()).toHaveLength(MOST);
  });
});
