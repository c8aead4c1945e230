import { topicAccess } from "@shop/contracts/messages/access";
import { type ParticipantName, type Topic, topics } from "@shop/contracts/services";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from "kafkajs";
import { clientSecurity, type KafkaSecurity } from "./client/security.ts";
import { prefixed } from "./naming.ts";

/** By which name at Kafka a service is known. */
export interface KafkaIdentity {
  readonly service: ParticipantName;
  readonly name: string;
}

/** One access rule: what a name may do. Everything else is refused by a broker with an authorizer. */
interface AccessRule {
  readonly name: string;
  readonly resourceType: AclResourceTypes.TOPIC | AclResourceTypes.GROUP;
  readonly resourceName: string;
  readonly operation: AclOperationTypes;
}

/** Each service by its own name. */
export const defaultIdentities: readonly KafkaIdentity[] = topicAccess.map(({ service }) => ({
  service,
  name: service,
}));

/** What the services may do at Kafka: write and read their topics, use their consumer group, and create topics that are missing. */
function accessRules(identities: readonly KafkaIdentity[], prefix: string): readonly AccessRule[] {
  const naming = prefixed(prefix);
  const { TOPIC, GROUP } = AclResourceTypes;
  const { WRITE, READ, DESCRIBE, CREATE } = AclOperationTypes;
  return identities.flatMap(({ service, name }) => {
    const { writes = [], reads = [] } = topicAccess.find((access) => access.service === service) ?? {};
    const onTopics = (names: readonly Topic[], operation: AclOperationTypes) =>
      names.map((topic) => ({ name, resourceType: TOPIC, resourceName: naming.topic(topic), operation }) as const);
    return [
      ...onTopics(writes, WRITE),
      ...onTopics(reads, READ),
      // Any of the services makes what is missing, also after the broker has lost its data.
      ...onTopics(topics, DESCRIBE),
      ...onTopics(topics, CREATE),
      { name, resourceType: GROUP, resourceName: naming.group(service), operation: READ },
    ];
  });
}

interface GrantOptions {
  readonly brokers: readonly string[];
  /** Of a name that may change access rules. */
  readonly security: KafkaSecurity;
  readonly prefix: string;
  readonly identities: readonly KafkaIdentity[];
}

/**
 * Gives each name the rules of its service, and takes away every other rule that it has.
 * @returns how many rules there are, and how many others were taken away
 * @throws what the broker objects to, or that it cannot be reached
 */
export async function grantAccess({ brokers, security, prefix, identities }: GrantOptions) {
  const kafka = new Kafka({
    brokers: [...brokers],
    ...clientSecurity(security),
    clientId: "access",
    retry: { retries: 5 },
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const rules = accessRules(identities, prefix);
    await admin.createAcls({
      acl: rules.map(({ name, ...rule }) => ({
        ...rule,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        ...{ principal: `User:${name}`, host: "*", permissionType: AclPermissionTypes.ALLOW },
      })),
    });
    let removed = 0;
    for (const name of new Set(identities.map((identity) => identity.name)))
      removed += await removeOthers(
        admin,
        name,
        rules.filter((rule) => rule.name === name),
      );
    return { granted: rules.length, removed };
  } finally {
    await admin.disconnect();
  }
}

async function removeOthers(admin: Admin, name: string, rules: readonly AccessRule[]): Promise<number> {
  const any = {
    principal: `User:${name}`,
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  };
  const keyOf = (rule: object) => JSON.stringify(Object.entries(rule).toSorted(([a], [b]) => a.localeCompare(b)));
  const wanted = new Set(
    rules.map(({ resourceType, resourceName, operation }) =>
      keyOf({
        ...{ resourceType, resourceName, operation, principal: any.principal, host: "*" },
        ...{ resourcePatternType: ResourcePatternTypes.LITERAL, permissionType: AclPermissionTypes.ALLOW },
      }),
    ),
  );
  const { resources } = await admin.describeAcls(any);
  const filters = resources
    .flatMap(({ acls, resourceType, resourceName, resourcePatternType }) =>
      acls.map(({ principal, host, operation, permissionType }) => ({
        ...{ resourceType, resourceName, resourcePatternType, principal, host, operation, permissionType },
      })),
    )
    .filter((rule) => !wanted.has(keyOf(rule)));
  if (filters.length > 0) await admin.deleteAcls({ filters });
  return filters.length;
}
