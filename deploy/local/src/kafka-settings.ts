/** Names the jars, their cache and the container image. */
export const KAFKA_VERSION = "4.3.1";

interface Listeners {
  /** Where clients connect, from this machine. */
  readonly port: number;
  readonly controllerPort: number;
  /** The address that the broker binds: any inside a container. */
  readonly listenHost: string;
}

/** One broker that is its own controller, for data that one machine holds: every internal topic has one replica. */
export function brokerSettings({
  port,
  controllerPort,
  listenHost,
}: Listeners): Readonly<Record<string, string | number | boolean>> {
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://${listenHost}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
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
  };
}
