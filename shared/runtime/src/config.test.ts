import { expect, test } from "bun:test";
import {
  commaSeparated,
  ConfigError,
  flag,
  hostsAndPorts,
  httpUrl,
  httpUrls,
  loadConfig,
  port,
  wholeNumber,
} from "./config.ts";

const shape = {
  PORT: port.describe("the public port"),
  URL: httpUrl,
  BROKERS: commaSeparated,
  SEED: flag.default(false),
  COUNT: wholeNumber(1, 10).default(3),
};

test("settings are read with their types, and an empty variable counts as not set", () => {
  const given = {
    PORT: "8080",
    URL: "http://host:1/",
    BROKERS: "a:1, b:2,",
    SEED: "",
    COUNT: undefined,
    OTHER: "ignored",
  };
  expect(loadConfig(shape, given)).toEqual({
    PORT: 8080,
    URL: "http://host:1",
    BROKERS: ["a:1", "b:2"],
    SEED: false,
    COUNT: 3,
  });
});

test("every setting that is missing or wrong is named at once, with what it is for", () => {
  const load = () => loadConfig(shape, { URL: "ftp://x", BROKERS: " , ", SEED: "yes", COUNT: "11" });
  expect(load).toThrow(ConfigError);
  for (const words of [
    "PORT is not set (the public port)",
    "URL is wrong",
    "BROKERS is wrong",
    "SEED is wrong",
    "COUNT is wrong: must be from 1 to 10",
  ]) {
    expect(load).toThrow(words);
  }
});

test("a setting can be read from a file, without the line end at the end of the file", () => {
  const files: Record<string, string> = { "/run/secrets/brokers": "a:1,b:2\n" };
  const given = { PORT: "1", URL: "http://host", BROKERS_FILE: "/run/secrets/brokers" };
  const config = loadConfig(shape, given, { readFile: (path) => files[path] ?? "" });
  expect(config.BROKERS).toEqual(["a:1", "b:2"]);
});

test("a file that cannot be read, and a setting given in both ways, are named", () => {
  const load = () =>
    loadConfig(shape, {
      ...{ PORT: "1", PORT_FILE: "/port", URL: "http://host" },
      BROKERS_FILE: "/no/such/file",
    });
  expect(load).toThrow("PORT and PORT_FILE are both set: keep one of them");
  expect(load).toThrow("BROKERS_FILE names a file that cannot be read: ENOENT");
  expect(load).not.toThrow("BROKERS is not set");
});

test("settings that do not go together are refused with the sentence of the rule", () => {
  const rules = [
    ({ SEED, COUNT }: { SEED: boolean; COUNT: number }) => (SEED && COUNT > 5 ? "too many to seed" : undefined),
  ];
  const given = { PORT: "1", URL: "http://host", BROKERS: "a:1", SEED: "true" };
  expect(loadConfig(shape, given, { rules }).SEED).toBe(true);
  expect(() => loadConfig(shape, { ...given, COUNT: "6" }, { rules })).toThrow("too many to seed");
});

test("one address or several can be given, and each must be one", () => {
  const URLS = { URLS: httpUrls.default(["http://localhost:1"]) };
  expect(loadConfig(URLS, {}).URLS).toEqual(["http://localhost:1"]);
  expect(loadConfig(URLS, { URLS: "http://a:1/, https://b" }).URLS).toEqual(["http://a:1", "https://b"]);
  expect(() => loadConfig(URLS, { URLS: "http://a:1,b:2" })).toThrow("URLS is wrong");
});

test("an address without a port, or with one that there is not, is refused by name", () => {
  const load = (BROKERS: string) => loadConfig({ BROKERS: hostsAndPorts }, { BROKERS }).BROKERS;
  expect(load("kafka-1:9092, 10.0.0.1:1,[::1]:65535")).toEqual(["kafka-1:9092", "10.0.0.1:1", "[::1]:65535"]);
  for (const wrong of ["nowhere", "kafka:", ":9092", "kafka:0", "kafka:65536", "http://kafka:9092", "::1:9092"])
    expect(() => load(`kafka:9092,${wrong}`)).toThrow(
      `BROKERS is wrong: "${wrong}" is no host:port, such as kafka:9092`,
    );
});
