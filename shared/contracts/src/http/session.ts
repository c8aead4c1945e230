import { z } from "zod";
import { Instant, Uuid } from "../primitives.ts";
import { defineEndpoint, roles } from "./define.ts";
import { pageOf, pageQuery } from "./page.ts";

export const Session = z
  .object({
    id: Uuid,
    createdAt: Instant.meta({ description: "When it was opened by a login" }),
    lastUsedAt: Instant.meta({ description: "When it was opened or refreshed last" }),
    userAgent: z
      .string()
      .nullable()
      .meta({ description: "The program that logged in, as it calls itself", examples: ["Mozilla/5.0"] }),
    isCurrent: z.boolean().meta({ description: "Whether this call is made with it" }),
  })
  .meta({ id: "Session" });
export type Session = z.infer<typeof Session>;

export const listSessions = defineEndpoint({
  name: "listSessions",
  service: "user",
  method: "GET",
  path: "/api/users/me/sessions",
  summary: "One's own sessions that have not ended, newest first",
  access: roles,
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(Session) },
});

export const endSession = defineEndpoint({
  name: "endSession",
  service: "user",
  method: "DELETE",
  path: "/api/users/me/sessions/{id}",
  summary: "End one of one's own sessions; its access token lives out its minutes",
  access: roles,
  success: { status: 204, schema: undefined },
  refusals: { NOT_FOUND: "There is no such session of yours, or it has ended" },
});

export const endSessions = defineEndpoint({
  name: "endSessions",
  service: "user",
  method: "DELETE",
  path: "/api/users/me/sessions",
  summary: "Log out everywhere: end all of one's own sessions, this one too; access tokens live out their minutes",
  access: roles,
  success: { status: 204, schema: undefined },
});
