import { describe, expect, test } from "bun:test";
import { ConfigError, loadConfig } from "@shop/runtime/config";
import { frontendRules, frontendSettings, isSecure } from "./config.ts";

const root = `${import.meta.dir}/../../..`;
const load = (environment: Record<string, string>) =>
  loadConfig(frontendSettings, environment, { rules: frontendRules });
const secureWith = (environment: Record<string, string>) => isSecure(load(environment));

describe("session cookies", () => {
  test("are for https in production without being asked, and elsewhere when asked", () => {
    expect(secureWith({ ENVIRONMENT: "production" })).toBe(true);
    expect(secureWith({ ENVIRONMENT: "production", COOKIES_SECURE: "true" })).toBe(true);
    expect(secureWith({ COOKIES_SECURE: "true" })).toBe(true);
    expect(secureWith({})).toBe(false);
  });

  test("over plain http are refused in production, with what to do", () => {
    const start = () => load({ ENVIRONMENT: "production", COOKIES_SECURE: "false" });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(/COOKIES_SECURE is false in production: .* Leave it out and let browsers come by https/);
  });

  test("are for https in every deployment that is in production", async () => {
    const read = async (path: string) => Bun.YAML.parse(await Bun.file(`${root}/${path}`).text());
    const compose = (await read("compose.yaml")) as {
      readonly services: { readonly frontend: { readonly environment: Record<string, string | number> } };
    };
    const inCompose = (environment: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(compose.services.frontend.environment).map(([name, value]) => [
          name,
          String(value).replace(/^\$\{(\w+):-(.*)\}$/, (_, variable: string, other) => environment[variable] ?? other),
        ]),
      );
    expect(secureWith(inCompose({ ENVIRONMENT: "production" }))).toBe(true);
    expect(secureWith(inCompose({}))).toBe(false);

    // The overlays of Kubernetes, AWS among them, have every service from here.
    const deployment = (await read("deploy/kubernetes/base/common/deployment.yaml")) as {
      readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
    };
    const [container] = deployment.spec.template.spec.containers;
    expect(secureWith(Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value])))).toBe(true);
  });
});

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
}
