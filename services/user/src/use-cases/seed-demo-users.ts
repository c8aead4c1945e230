import type { Role } from "@shop/contracts/http/define";
import type { UserContext } from "../context.ts";
import { insertUser, takenNames } from "../db/users.ts";

interface DemoUser {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly role: Role;
}

/** The users of a demonstration, each with the password `<username>-password`. The ids never change, so that examples can name them. */
const demoUsers: readonly DemoUser[] = [
  { id: "01930000-0000-7000-8000-000000000001", username: "customer", displayName: "Demo customer", role: "customer" },
  {
    id: "01930000-0000-7000-8000-000000000002",
    username: "customer2",
    displayName: "Second customer",
    role: "customer",
  },
  { id: "01930000-0000-7000-8000-000000000003", username: "rider", displayName: "Demo rider", role: "rider" },
  { id: "01930000-0000-7000-8000-000000000004", username: "rider2", displayName: "Second rider", role: "rider" },
  { id: "01930000-0000-7000-8000-000000000005", username: "admin", displayName: "Demo admin", role: "admin" },
];

/** Stores the demo users that are missing. Replicas may do so at once: each user is stored once. */
export async function seedDemoUsers({ db, passwords, clock }: UserContext): Promise<void> {
  const taken = await takenNames(
    db,
    demoUsers.map(({ username }) => username),
  );
  const missing = demoUsers.filter(({ username }) => !taken.has(username));
  const createdAt = new Date(clock.now());
  // One after the other: nobody waits in line for a turn at hashing, however slow this machine is at the moment.
  for (const user of missing) {
    const passwordHash = await passwords.takeTurn({ lane: "signUp", name: user.username }, () =>
      passwords.hash(`${user.username}-password`),
    );
    await insertUser(db, { ...user, passwordHash, createdAt });
  }
}
