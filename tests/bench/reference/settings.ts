/** What every process of the reference is started with, as environment variables. */
export interface ReferenceSettings {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  /** Where it answers `GET /readyz` and `GET /metrics`, and the order process also takes orders. */
  readonly port: number;
}

/** @throws Error that names the variable which is missing */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): ReferenceSettings {
  const read = (name: string) => {
    const value = environment[name];
    if (value === undefined || value === "") throw new Error(`${name} is not set: start it by tests/bench/bench.ts`);
    return value;
  };
  return {
    databaseUrl: read("REFERENCE_DATABASE_URL"),
    kafkaBrokers: read("REFERENCE_KAFKA_BROKERS"),
    port: Number(read("REFERENCE_PORT")),
  };
}
