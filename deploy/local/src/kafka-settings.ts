/** Names the jars, their cache and the container image. */
export const KAFKA_VERSION = "4.3.1";

/** A further way to the broker: clients that come through it are sent back to `advertisedPort`, where a proxy may stand. */
export interface ExtraListener {
  readonly port: number;
  readonly advertisedPort: number;
}

interface Listeners {
  /** Where clients connect, from this machine. */
  readonly port: number;
  readonly controllerPort: number;
  /** The address that the broker binds: any inside a container. */
  readonly listenHost: string;
  readonly extra?: readonly ExtraListener[];
}

/** One broker that is its own controller, for data that one machine holds: every internal topic has one replica. */
export function brokerSettings({
  port,
  controllerPort,
  listenHost,
  extra = [],
}: Listeners): Readonly<Record<string, string | number | boolean>> {
  const more = (place: (listener: ExtraListener) => string) =>
    extra.map((listener, index) => `,EXTRA${index + 1}${place(listener)}`).join("");
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://${listenHost}:${port},CONTROLLER://127.0.0.1:${controllerPort}${more((at) => `://${listenHost}:${at.port}`)}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}${more((at) => `://127.0.0.1:${at.advertisedPort}`)}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${more(() => ":PLAINTEXT")}`,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    // A broker that was killed may register again only when its old session has run out (9 s by default). With this it is 5 s from kill to ready.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    // The cleaner keeps 128 MB of the heap for itself by default, half of a small one. This is enough for 150,000 keys at once.
    "log.cleaner.dedupe.buffer.size": 4_194_304,
  };
}

interface SecureListeners {
  /** Where clients connect, with TLS and SCRAM. */
  readonly port: number;
  /** Where the broker speaks to itself, in the clear. */
  readonly internalPort: number;
  readonly controllerPort: number;
  /** A file with the broker's key and certificate, as PEM. */
  readonly keystore: string;
  /** A file with the certificates of authorities whose clients are let in, as PEM; every client without. */
  readonly truststore: string | undefined;
  /** With it, every other name may do only what access rules say. */
  readonly superUser?: string | undefined;
}

/** Over `brokerSettings`: clients connect with TLS and a name and password (SCRAM-SHA-512). */
export function secureSettings({
  port,
  internalPort,
  controllerPort,
  keystore,
  truststore,
  superUser,
}: SecureListeners): Readonly<Record<string, string | number | boolean>> {
  const secure = {
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystore,
    ...(truststore !== undefined && {
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": truststore,
      "ssl.client.auth": "required",
    }),
  };
  return {
    listeners: `SECURE://127.0.0.1:${port},INTERNAL://127.0.0.1:${internalPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `SECURE://127.0.0.1:${port},INTERNAL://127.0.0.1:${internalPort}`,
    "listener.security.protocol.map": "SECURE:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "INTERNAL",
    ...(superUser !== undefined && {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      // Who comes by the internal listener has no name.
      "super.users": `User:ANONYMOUS;User:${superUser}`,
    }),
    ...Object.fromEntries(Object.entries(secure).map(([name, value]) => [`listener.name.secure.${name}`, value])),
  };
}
