import { expect, test } from "bun:test";
import { commaSeparated, ConfigError, flag, httpUrl, loadConfig, port, wholeNumber } from "./config.ts";

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
