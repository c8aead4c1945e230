import { findChromium, HOW_TO_GET_CHROMIUM } from "./chromium.ts";
import { whyNoLocalKafka } from "@shop/local/kafka";

/** What not every machine has. */
export type Need = "chromium" | "docker" | "manifest tools" | "npm" | "prometheus" | "python" | "servers beside it";
type Environment = Readonly<Record<string, string | undefined>>;

export interface Missing {
  /** In a few words, without a comma: `no Chromium`. */
  readonly reason: string;
  readonly remedy: string;
}

/** What of a need this machine lacks; undefined when it is all there. */
export async function missingOf(need: Need, environment: Environment): Promise<Missing | undefined> {
  switch (need) {
    case "chromium":
      if ((await findChromium(environment)) !== undefined) return undefined;
      return { reason: "no Chromium", remedy: HOW_TO_GET_CHROMIUM };
    case "docker":
      if (await succeeds(environment, "docker", "info")) {
        if (await succeeds(environment, "docker", "compose", "version")) return undefined;
        return { reason: "no compose plugin of Docker", remedy: "install the compose plugin (docker-compose-plugin)" };
      }
      return { reason: "no Docker engine", remedy: "start Docker, and see that `docker info` answers" };
    case "manifest tools": {
      const absent = ["kubectl", "terraform"].filter((program) => whichOf(environment, program) === null);
      if (!(await succeeds(environment, "python3", "-m", "venv", "--help"))) absent.push("python3 with venv");
      if (absent.length === 0) return undefined;
      return { reason: `no ${absent.join(" and no ")}`, remedy: `install ${absent.join(", ")}` };
    }
    case "npm":
      if (["node", "npm"].every((program) => whichOf(environment, program) !== null)) return undefined;
      return { reason: "no Node.js with npm", remedy: "install Node.js, whose npm packs and installs the client" };
    case "prometheus": {
      const absent = ["prometheus", "promtool"].filter((program) => whichOf(environment, program) === null);
      if (absent.length === 0) return undefined;
      return {
        reason: `no ${absent.join(" and no ")}`,
        remedy: "put Prometheus' programs on the PATH; Debian's package `prometheus` has both",
      };
    }
    case "python": {
      const isNewEnough = ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"];
      if (!(await succeeds(environment, "python3", ...isNewEnough)))
        return { reason: "no python3 from 3.11 on with venv", remedy: "install python3 and python3-venv" };
      // The fuzzer comes from there; that it cannot be had says nothing of the API.
      if (await succeeds(environment, "python3", "-m", "pip", "index", "versions", "schemathesis")) return undefined;
      return {
        reason: "no answer of PyPI",
        remedy: "give pip a way to PyPI or a mirror (`pip config set global.index-url …`)",
      };
    }
    case "servers beside it": {
      if (process.platform !== "linux") {
        return { reason: "no /proc", remedy: "run it on Linux, which tells what CPU each process used" };
      }
      if (environment["INFRA"] === "testcontainers" || (await whyNoLocalKafka(environment)) !== undefined) {
        return { reason: "no Kafka outside of containers", remedy: "install Java 17 or newer and Maven" };
      }
      return undefined;
    }
    default:
      return need satisfies never;
  }
}

function whichOf(environment: Environment, program: string): string | null {
  return Bun.which(program, { PATH: environment["PATH"] ?? "" });
}

async function succeeds(environment: Environment, program: string, ...rest: readonly string[]): Promise<boolean> {
  const path = whichOf(environment, program);
  if (path === null) return false;
  const child = Bun.spawn([path, ...rest], { env: { ...environment }, stdio: ["ignore", "ignore", "ignore"] });
  return (await child.exited) === 0;
}
