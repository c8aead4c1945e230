import type { KafkaConfig } from "kafkajs";

/** How a broker is sure of its clients, and they of it. */
export interface KafkaSecurity {
  /** Connections are encrypted, and the broker's certificate is verified. */
  readonly tls?: {
    /** The certificates to trust instead of the system's, as PEM. */
    readonly ca?: string | undefined;
    /** The client's own, for a broker that asks for it, as PEM. */
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
  };
  readonly sasl?: {
    /** SCRAM-SHA-512 by default. PLAIN shows the password to who can read the connection. */
    readonly mechanism?: "scram-sha-512" | "plain";
    readonly username: string;
    readonly password: string;
  };
}

/** The same in the words of kafkajs. */
export function clientSecurity({ tls, sasl }: KafkaSecurity): Pick<KafkaConfig, "ssl" | "sasl"> {
  return {
    ...(tls && { ssl: { rejectUnauthorized: true, ...present({ ca: tls.ca, cert: tls.certificate, key: tls.key }) } }),
    ...(sasl && { sasl: saslOf(sasl) }),
  };
}

function saslOf({
  mechanism = "scram-sha-512",
  username,
  password,
}: NonNullable<KafkaSecurity["sasl"]>): NonNullable<KafkaConfig["sasl"]> {
  return mechanism === "plain" ? { mechanism, username, password } : { mechanism, username, password };
}

function present(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
