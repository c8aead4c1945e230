import { defaultIdentities, grantAccess, type KafkaIdentity } from "@shop/messaging/kafka/access";
import { ConfigError, loadConfig } from "@shop/runtime/config";
import { systemClock as clock } from "@shop/runtime/clock";
import { logWriter } from "@shop/runtime/log-text";
import { createLogger } from "@shop/runtime/logger";
import { runMain } from "./process.ts";
import { environment, kafkaSecurity, messagingRules, messagingSettings, processSettings } from "./settings.ts";

const USAGE =
  "usage: bun shared/service/src/grant-kafka-access.ts [SERVICE=NAME …], such as order=order-b: the service has this name at Kafka beside its own";

/** @throws ConfigError */
function identitiesOf(given: readonly string[]): readonly KafkaIdentity[] {
  const others = given.map((text): KafkaIdentity => {
    const [service, name = "", ...rest] = text.split("=");
    const own = defaultIdentities.find((identity) => identity.service === service);
    if (own === undefined || name === "" || rest.length > 0) throw new ConfigError(USAGE);
    return { service: own.service, name };
  });
  return [...defaultIdentities, ...others];
}

// A program of its own: with the settings of a name that may change access rules, it leaves with 0 when each service has its rules and no others.
runMain(() => {
  const { LOG_LEVEL, LOG_FORMAT, NO_COLOR } = processSettings("order");
  const settings = { LOG_LEVEL, LOG_FORMAT, NO_COLOR, ENVIRONMENT: environment, ...messagingSettings };
  const config = loadConfig(settings, process.env, { rules: messagingRules });
  const logger = createLogger({
    ...{ service: "kafka-access", level: config.LOG_LEVEL, clock },
    write: logWriter(config.LOG_FORMAT, config.NO_COLOR),
  });
  void grantAccess({
    brokers: config.KAFKA_BROKERS,
    security: kafkaSecurity(config),
    prefix: config.TOPIC_PREFIX,
    identities: identitiesOf(process.argv.slice(2)),
  }).then(
    (counts) => {
      logger.info("KAFKA_ACCESS_GRANTED", "each service has its access rules at Kafka, and no others", counts);
      process.exit(0);
    },
    (error: unknown) => {
      logger.error("KAFKA_ACCESS_NOT_GRANTED", "the access rules at Kafka could not be made", { error });
      process.exit(1);
    },
  );
});
