import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { topicAccess } from "@shop/contracts/messages/access";
import { dataschemaOf } from "@shop/contracts/messages/cloud-event";
import { participants, type ServiceName, topics } from "@shop/contracts/services";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { enter } from "@shop/local/demo/enter";
import { eventually } from "@shop/testing/eventually";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, type Admin, ResourcePatternTypes } from "kafkajs";
import postgres from "postgres";
import { UNKNOWN_ID } from "../support/calls.ts";
import { send, tokenOf } from "../support/requests.ts";
import { follow, readers } from "../harness/stage/topics.ts";
import { deliveryOf, newProduct, orderBecomes, placeOrder, waitingOrder } from "../support/test-system.ts";
import { callsOnOwnThings, refusedCases, type Sender } from "./cases.ts";
import { type SecureSystem, startSecureSystem } from "./secure-system.ts";

let shop: SecureSystem;
beforeAll(async () => {
  shop = await startSecureSystem();
}, 240_000);
afterAll(async () => {
  await shop.stop();
}, 120_000);

const named = (topic: string) => shop.topicPrefix + topic;

test("with the rights that it has each service does its work: an order is bought, delivered and COMPLETE", async () => {
  const [customer, rider] = [await shop.newCustomer(), await shop.logIn("rider")];
  const { id } = await placeOrder(customer, await newProduct(shop, 3), 1);
  const delivery = await eventually(async () => {
    const [found] = (await rider.listDeliveries({ orderId: id })).items;
    if (found === undefined) throw new Error("there is no delivery yet");
    return found;
  });
  await rider.completeDelivery(delivery.id);
  await eventually(async () => expect((await customer.getOrder(id)).status).toBe("COMPLETE"));
}, 120_000);

describe("a request that must be refused", () => {
  const SECRET = "17 Hidden-ro, the victim's street";
  /** Tables that change by themselves, or that record what was refused. */
  const CHANGING = /^(inbox|outbox.*|in_flight|audit.*|stock_audit.*|login_attempts|rate_.*|catalogue.*|saga.*)$/;
  /** What no answer may show: where the code is, what the database was asked, whose things they are. */
  const LEAKS = /\bat .+:\d+:\d+|node_modules|\.ts\b|\bselect .+ from\b|postgres|ECONN|Hidden-ro|BEGIN PRIVATE/i;
  let ids: Readonly<Record<string, string>>;
  let tokens: Readonly<Record<string, string>>;
  let before: readonly unknown[];

  /** A digest of every table that changes by requests only. */
  async function contents(): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    for (const [service, url] of shop.system.databaseUrls) {
      const sql = postgres(url, { max: 1, onnotice: () => undefined });
      const tables = await sql`select tablename from pg_tables where schemaname = 'public' order by 1`;
      for (const { tablename } of tables.filter((row) => !CHANGING.test(String(row["tablename"])))) {
        const [row] = await sql`
          select count(*)::int as rows, md5(string_agg(t::text, '' order by t::text)) as digest from ${sql(String(tablename))} as t`;
        found.push([service, tablename, row?.["rows"], row?.["digest"]]);
      }
      await sql.end();
    }
    return found;
  }

  beforeAll(async () => {
    const url = shop.system.frontendUrl;
    const productId = await newProduct(shop, 5);
    const victim = await shop.logIn("customer");
    const order = await victim.createOrder({ items: [{ productId, quantity: 1 }], deliveryAddress: SECRET });
    const waiting = await waitingOrder(shop, productId);
    const [delivery] = (await (await shop.logIn("admin")).listDeliveries({ orderId: waiting })).items;
    await eventually(async () => expect((await victim.getOrder(order.id)).progress).toBe("WAITING_FOR_RIDER"));
    tokens = {
      customer: await tokenOf(url, "customer2"),
      rider: await tokenOf(url, "rider"),
      admin: await tokenOf(url, "admin"),
    };
    const { id: userId } = await victim.getMe();
    ids = { orders: order.id, deliveries: delivery?.id ?? "", products: productId, users: userId };
    before = await contents();
  }, 120_000);

  /** The path with the ids of the victim's things. */
  const pathOf = (path: string) =>
    path.replaceAll(/(\w[\w-]*)\/\{\w+\}/g, (_found, kind: string) => `${kind}/${ids[kind] ?? UNKNOWN_ID}`);

  function tokenFor(sender: Sender): string | undefined {
    if (sender.kind === "nobody") return undefined;
    if (sender.kind === "role") return tokens[sender.role];
    const [head = "", claims = "", signature = ""] = (tokens["customer"] ?? "").split(".");
    const changed = (part: string, change: object) =>
      Buffer.from(
        JSON.stringify({ ...(JSON.parse(Buffer.from(part, "base64url").toString()) as object), ...change }),
      ).toString("base64url");
    return sender.how === "role"
      ? [head, changed(claims, { role: "admin" }), signature].join(".")
      : [changed(head, { alg: "none" }), changed(claims, { role: "admin" }), ""].join(".");
  }

  test("is one of more than two hundred", () => {
    expect(refusedCases.length).toBeGreaterThan(200);
  });

  test.each(refusedCases)("$name", async ({ endpoint, sender, method, query, headers, body, status }) => {
    const path = pathOf(endpoint.path) + query;
    const answer = await send(shop.system.frontendUrl, { method, path, token: tokenFor(sender), headers, body });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(LEAKS);
  });

  test.each(callsOnOwnThings)("$method $path of somebody else: 404", async ({ method, path, body }) => {
    const to = { method, path: pathOf(path), token: tokens["customer"] };
    const answer = await send(shop.system.frontendUrl, body === undefined ? to : { ...to, json: {} });
    expect(answer.status).toBe(404);
    expect(answer.text).not.toMatch(LEAKS);
  });

  test("has changed nothing, and holds up no other caller", async () => {
    expect(await contents()).toEqual(before);
    const answer = await send(shop.system.frontendUrl, {
      method: "GET",
      path: "/api/orders",
      token: tokens["customer"],
    });
    expect(answer.status).toBe(200);
  });
});

describe("with a stolen name and password of Kafka", () => {
  async function asAdmin<Answer>(name: string, work: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const admin = shop.kafkaAs(name).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** @returns `done`, or the error */
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => "done",
      (error: unknown) => String(error),
    );

  /** @returns with which error a consumer ends; it waits for one */
  async function endOfConsumer(name: string, topic: string, groupId: string): Promise<string> {
    const consumer = shop
      .kafkaAs(name)
      .consumer({ groupId: named(groupId), retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) } });
    const { promise, resolve } = Promise.withResolvers<string>();
    consumer.on(consumer.events.CRASH, ({ payload }) => resolve(String(payload.error)));
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: named(topic), fromBeginning: true });
      await consumer.run({ autoCommit: false, eachMessage: ({ topic: read }) => Promise.resolve(resolve(read)) });
      return await promise;
    } catch (error) {
      return String(error);
    } finally {
      await consumer.disconnect();
    }
  }

  test.each(topicAccess)("of $service one writes only what it sends, and joins no other group", async (access) => {
    const producer = shop.kafkaAs(access.service).producer({ retry: { retries: 0 } });
    await producer.connect();
    const writes: [string, string][] = [];
    // Without a value it is a dead letter for those who read it, and nothing else.
    const messages = [{ key: "stolen", value: null }];
    for (const topic of topics) writes.push([topic, await outcome(producer.send({ topic: named(topic), messages }))]);
    await producer.disconnect();
    const written = writes.filter(([, result]) => result === "done").map(([topic]) => topic);
    expect(written.toSorted()).toEqual(access.writes.toSorted());
    for (const { service } of topicAccess.filter((other) => other !== access))
      expect(await endOfConsumer(access.service, access.reads[0] ?? "", service)).toContain("GroupCoordinatorNotFound");
  });

  test("one reads no topic that its service does not receive", async () => {
    // A group of its own: with the service's group the service would be given partitions of the topic.
    const group = {
      ...{ principal: "User:product", host: "*", permissionType: AclPermissionTypes.ALLOW },
      ...{ resourceType: AclResourceTypes.GROUP, resourceName: named("thief") },
      ...{ resourcePatternType: ResourcePatternTypes.LITERAL, operation: AclOperationTypes.READ },
    };
    await asAdmin("operator", (admin) => admin.createAcls({ acl: [group] }));
    expect(await endOfConsumer("product", "product.requests", "thief")).toBe(named("product.requests"));
    expect(await endOfConsumer("product", "order.events", "thief")).toContain("Not authorized to access topics");
    expect(await shop.grant()).toMatchObject({ removed: 1 });
  }, 120_000);

  test("one deletes, empties and changes nothing, and gives nobody rights", async () => {
    const [name, topic] = ["product", named("product.events")];
    const rule = {
      ...{ principal: `User:${name}`, host: "*", permissionType: AclPermissionTypes.ALLOW },
      ...{ resourceType: AclResourceTypes.TOPIC, resourceName: named("order.events") },
      ...{ resourcePatternType: ResourcePatternTypes.LITERAL, operation: AclOperationTypes.WRITE },
    };
    const attempts: Record<string, (admin: Admin) => Promise<unknown>> = {
      deleteTopics: (admin) => admin.deleteTopics({ topics: [topic] }),
      deleteRecords: (admin) => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "-1" }] }),
      createPartitions: (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 20 }] }),
      createTopic: (admin) => admin.createTopics({ topics: [{ topic: "of.the.thief" }] }),
      deleteGroup: (admin) => admin.deleteGroups([named("order")]),
      createAcls: (admin) => admin.createAcls({ acl: [rule] }),
    };
    for (const [what, attempt] of Object.entries(attempts))
      expect([what, await outcome(asAdmin(name, attempt))]).not.toEqual([what, "done"]);
    const seen = await asAdmin("operator", (admin) => admin.listTopics());
    expect(seen.filter((other) => !other.startsWith("__")).toSorted()).toEqual(topics.map(named).toSorted());

    // A rule that was made by hand goes with the next grant.
    await asAdmin("operator", (admin) => admin.createAcls({ acl: [rule] }));
    expect(await shop.grant()).toMatchObject({ removed: 1 });
    expect(await shop.grant()).toMatchObject({ removed: 0 });
  }, 120_000);

  test("a command that its sender may not send has no effect, and is shown as a dead letter", async () => {
    const [admin, productId] = [await shop.logIn("admin"), await newProduct(shop, 7)];
    const orderId = Bun.randomUUIDv7();
    const forged = {
      ...{ specversion: "1.0", id: `forged-${orderId}`, source: "/orchestrator", type: DecreaseProductCommand.type },
      ...{ time: new Date().toISOString(), subject: orderId, datacontenttype: "application/json" },
      dataschema: dataschemaOf(DecreaseProductCommand, DecreaseProductCommand.version),
      data: { orderId, items: [{ productId, quantity: 7 }] },
    };
    const producer = shop.kafkaAs("order").producer({ retry: { retries: 0 } });
    await producer.connect();
    const sends = (topic: string) =>
      outcome(producer.send({ topic: named(topic), messages: [{ key: orderId, value: JSON.stringify(forged) }] }));
    expect(await sends("product.commands")).toContain("Not authorized");
    // The only topic that product reads from the order service.
    expect(await sends("product.requests")).toBe("done");
    await producer.disconnect();
    const letter = await eventually(async () => {
      const { items } = await admin.listDeadLetters({ service: "product", cause: "WRONG_TOPIC" });
      const found = items.find(({ messageId }) => messageId === forged.id);
      if (found === undefined) throw new Error("there is no dead letter yet");
      return found;
    });
    expect(letter.detail).toContain("belongs to product.commands, not to product.requests");
    const metrics = await (await fetch(`${shop.system.services.product.managementUrl}/metrics`)).text();
    expect(metrics).toMatch(/messages_dead_total\{[^}]*WRONG_TOPIC[^}]*\} [1-9]/);
    expect((await admin.getProduct(productId)).stock).toBe(7);
  }, 120_000);
});

describe("bytes that are no message", () => {
  /** What is sent to each topic: random, empty, deep, and the half of something. */
  const noise: readonly Buffer[] = [
    ...[0, 1, 16, 300, 20_000].map((length) => randomBytes(length)),
    Buffer.from("[".repeat(50_000)),
    Buffer.from("[".repeat(50_000) + "]".repeat(50_000)),
    Buffer.from(`{"specversion":"1.0","id":"${"\\u0000".repeat(50)}","type":"__proto__","data":{`),
    Buffer.concat([Buffer.from('{"specversion":"1.0","data":"'), randomBytes(200), Buffer.from('"}')]),
  ];

  /** The keys of a service's dead letters of this test. */
  async function keysAt(service: ServiceName): Promise<readonly string[]> {
    const sql = postgres(shop.system.databaseUrls.get(service) ?? "", { max: 1 });
    const rows = await sql`select key from dead_letter where key like 'noise %'`;
    await sql.end();
    return rows.map(({ key }) => String(key)).toSorted();
  }

  test("are dead letters of every reader of every topic, end no process, and an order placed afterwards completes", async () => {
    const pids = () => Object.values(shop.system.services).flatMap((service) => service.pids());
    const before = pids();
    const producer = shop.kafkaAs("operator").producer();
    await producer.connect();
    for (const topic of topics) {
      const messages = noise.map((value, n) => ({
        key: `noise ${topic} ${n}`,
        value,
        headers: { noise: randomBytes(50), traceparent: randomBytes(55) },
      }));
      await producer.send({ topic: named(topic), messages });
    }
    await producer.disconnect();
    for (const service of participants) {
      const sent = topics.flatMap((topic) =>
        readers[topic].includes(service) ? noise.map((_value, n) => `noise ${topic} ${n}`) : [],
      );
      await eventually(async () => expect(await keysAt(service)).toEqual(sent.toSorted()));
    }

    const [customer, rider] = [await shop.newCustomer(), await shop.logIn("rider")];
    const { id } = await placeOrder(customer, await newProduct(shop, 3), 1);
    await rider.completeDelivery((await deliveryOf(rider, id)).id);
    await orderBecomes(customer, id, "status", "COMPLETE");
    expect(pids()).toEqual(before);
  }, 120_000);
});

describe("a customer who is erased", () => {
  const [name, address] = ["erase.me.please", "42 Forgotten-gil, Jongno-gu"];
  const services = ["user", "order", "orchestrator", "delivery"] as const;

  /** Runs the program of a service with the service's own role. @returns its exit code */
  async function erase(service: (typeof services)[number], customerId: string): Promise<number> {
    const program = Bun.spawn([process.execPath, `services/${service}/src/erase-customer.ts`, customerId], {
      cwd: `${import.meta.dir}/../..`,
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: shop.system.infrastructure.runTimeDatabaseUrls.get(service),
      },
      stdout: "ignore",
      stderr: "ignore",
    });
    return program.exited;
  }

  /** Every table of every service with a row that holds the text, as text or as bytes. */
  async function tablesWith(text: string): Promise<readonly string[]> {
    const found: string[] = [];
    const hex = Buffer.from(text).toString("hex");
    for (const [service, url] of shop.system.databaseUrls) {
      const sql = postgres(url, { max: 1, onnotice: () => undefined });
      const tables = await sql`select tablename from pg_tables where schemaname = 'public' order by 1`;
      for (const { tablename } of tables) {
        const [row] = await sql`
          select count(*)::int as rows from ${sql(String(tablename))} as t
          where position(${text} in t::text) > 0 or position(${hex} in t::text) > 0`;
        if (Number(row?.["rows"]) > 0) found.push(`${service}.${String(tablename)}`);
      }
      await sql.end();
    }
    return found;
  }

  /** Every topic with a record that holds the text. */
  async function topicsWith(text: string): Promise<readonly string[]> {
    const found = new Set<string>();
    const client = shop.kafkaAs("operator");
    const consumer = await follow(client, topics.map(named), true, ({ topic, value }) => {
      if (value?.includes(text)) found.add(topic.slice(shop.topicPrefix.length));
    });
    await eventually(() => expect([...found].toSorted()).toEqual(["delivery.commands", "order.events"]));
    await consumer.disconnect();
    return [...found].toSorted();
  }

  test("is in no table any more but the audit trail, an order in flight is delivered before, and the books balance", async () => {
    const url = shop.system.frontendUrl;
    const password = "four words and a lamp";
    const signUp = { method: "POST", path: "/api/users", json: { username: name, password, displayName: name } };
    const customerId = String((await send(url, signUp)).body["id"]);
    // A mail with a code that waits for its server.
    const userDb = postgres(shop.system.databaseUrls.get("user") ?? "", { max: 1 });
    const mailAddress = `${name}@shop.example`;
    await userDb`update users set mail_address = ${mailAddress} where id = ${customerId}`;
    await userDb`
      insert into mail_to_send (id, to_address, subject, body, next_attempt_at, expires_at)
      values (${Bun.randomUUIDv7()}, ${mailAddress}, 'Code', ${`for ${name}`}, now() + interval '1 day', now() + interval '2 days')`;
    await userDb.end();
    const [customer, rider] = [await enter(url, name, password), await shop.logIn("rider")];
    const productId = await newProduct(shop, 9);
    const place = async () => {
      const { id } = await customer.createOrder({ items: [{ productId, quantity: 1 }], deliveryAddress: address });
      await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
      return id;
    };
    const [ended, inFlight] = [await place(), await place()];
    await rider.completeDelivery((await deliveryOf(rider, ended)).id);
    await orderBecomes(customer, ended, "status", "COMPLETE");
    // What could not be handled holds it as well.
    const producer = shop.kafkaAs("order").producer();
    await producer.connect();
    await producer.send({ topic: named("order.events"), messages: [{ key: ended, value: `no JSON: ${address}` }] });
    await producer.disconnect();
    await eventually(async () => expect(await tablesWith(address)).toContain("orchestrator.dead_letter"));

    expect(await erase("user", customerId)).toBe(0);
    expect(await erase("order", customerId)).toBe(1);
    expect((await rider.getDelivery((await deliveryOf(rider, inFlight)).id)).deliveryAddress).toBe(address);
    await rider.completeDelivery((await deliveryOf(rider, inFlight)).id);
    await eventually(async () => {
      expect(await Promise.all(services.map((service) => erase(service, customerId)))).toEqual([0, 0, 0, 0]);
    });

    expect(await tablesWith(address)).toEqual([]);
    expect(new Set(await tablesWith(name))).toEqual(new Set(["user.audit_entry"]));
    const { status, total, deliveryAddress } = await (await shop.logIn("admin")).getOrder(ended);
    expect({ status, total, deliveryAddress }).toEqual({ status: "COMPLETE", total: 1_000, deliveryAddress: "erased" });
    await shop.booksBalance();
    // What is left to Kafka's retention.
    expect(await topicsWith(address)).toEqual(["delivery.commands", "order.events"]);
  }, 120_000);

  test("must be a customer", async () => {
    const { id } = await (await shop.logIn("rider")).getMe();
    expect(await erase("user", id)).toBe(1);
    expect((await (await shop.logIn("rider")).getMe()).id).toBe(id);
  }, 120_000);
});
