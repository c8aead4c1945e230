import type { Logger } from "@shop/runtime/logger";
import type { Kafka } from "kafkajs";

/** A process, told apart from the other replicas of its service. */
export interface Instance {
  /** The name of its machine, or of its container. */
  readonly host: string;
  readonly pid: number;
}

/** What a process is called in Kafka, such as `order/web-1/4711`. */
export function clientIdOf(service: string, { host, pid }: Instance): string {
  return `${service}/${host}/${pid}`;
}

/**
 * Whether a member of the group was a process of this machine that is no more. In a container the one before this often had the same
 * process id: then it is gone, since this one has it now. Of another machine nothing is known.
 */
export function isDead(clientId: string, service: string, { host, pid }: Instance, isAlive: (pid: number) => boolean) {
  const prefix = `${service}/${host}/`;
  const itsPid = clientId.startsWith(prefix) ? Number.parseInt(clientId.slice(prefix.length), 10) : Number.NaN;
  return Number.isInteger(itsPid) && (itsPid === pid || !isAlive(itsPid));
}

interface Member {
  readonly service: string;
  readonly instance: Instance;
  /** As Kafka knows it. */
  readonly groupId: string;
}

/**
 * Takes members out of the group that processes of this machine left behind when they were killed: their partitions are free at once
 * instead of when their session times out. Should one of them be alive after all, it joins the group again within a second, and
 * what is handled twice meanwhile is found in the inbox. To be called before this process joins, and joins again: a consumer whose broker was
 * killed could not leave the group, and all members would wait for it as long as its session lasts.
 */
export async function removeDeadMembers(kafka: Kafka, member: Member, logger: Logger): Promise<void> {
  const { service, instance, groupId } = member;
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([groupId]);
    const members = groups.flatMap((group) => group.members);
    for (const { memberId } of members.filter(({ clientId }) => isDead(clientId, service, instance, exists))) {
      await admin.removeGroupMember({ groupId, memberId });
      logger.info("GROUP_MEMBER_REMOVED", "removed a dead member from the consumer group", { groupId, memberId });
    }
  } finally {
    await admin.disconnect();
  }
}

/** Whether a process of this machine exists, whoever it belongs to. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
