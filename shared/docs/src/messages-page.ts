import { html } from "hono/html";
import { allMessages } from "@shop/contracts/messages/registry";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import { topics } from "@shop/contracts/services";
import type { Json } from "./json-schema.ts";
import { schemaRows, type ShownSchema } from "./schema-rows.ts";

type Html = ReturnType<typeof html>;

/**
 * The AsyncAPI document as HTML for people: who tells whom what, and each message with its data and an example. It needs no script.
 * @param document as `asyncApiDocument` makes it of the same messages
 */
export async function messagesPage(
  document: Json,
  messages: readonly MessageDefinition[] = allMessages,
): Promise<string> {
  const info = document["info"] as { readonly title: string; readonly description: string };
  const channels = document["channels"] as Readonly<Record<string, { readonly summary: string }>>;
  const components = document["components"] as { readonly messages: Readonly<Record<string, ShownMessage>> };
  const shown = (definition: MessageDefinition) => message(definition, components.messages[definition.type]);
  const page = await html`<div class="messages">
    <h1>Messages</h1>
    ${info.description.split("\n").map((text) => html`<p>${text}</p>`)}
    <h2 id="overview">Who tells whom</h2>
    <div class="table" role="region" aria-labelledby="overview" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">Message</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">Topic</th>
          </tr>
        </thead>
        <tbody>
          ${messages.map(overviewRow)}
        </tbody>
      </table>
    </div>
    ${topics.map(
      (topic) =>
        html`<section>
          <h2 id="${topic}">${topic}</h2>
          <p>${channels[topic]?.summary}</p>
          ${messages.filter((one) => one.topic === topic).map(shown)}
        </section>`,
    )}
  </div>`;
  return page.toString();
}

function overviewRow({ type, sender, receivers, topic }: MessageDefinition): Html {
  return html`<tr>
    <th scope="row"><a href="#${type}">${type}</a></th>
    <td>${sender}</td>
    <td>${receivers.join(", ")}</td>
    <td><a href="#${topic}">${topic}</a></td>
  </tr>`;
}

interface ShownMessage {
  readonly summary: string;
  readonly description: string;
  readonly bindings: { readonly kafka: { readonly key: { readonly description?: string; readonly const?: string } } };
  readonly payload: { readonly allOf: readonly [Json, { readonly properties: { readonly data: ShownSchema } }] };
  readonly examples: readonly [{ readonly payload: Json }];
}

function message({ type }: MessageDefinition, shown: ShownMessage | undefined): Html {
  if (shown === undefined) throw new Error(`${type} is not in the document`);
  const rows = schemaRows(shown.payload.allOf[1].properties.data);
  const { key } = shown.bindings.kafka;
  return html`<article>
    <h3 id="${type}">${type}</h3>
    <p>
      ${shown.summary}
      <span class="quiet">${shown.description} Key: ${key.description ?? `“${key.const ?? ""}”`}.</span>
    </p>
    ${rows.length === 0 ? html`<p class="quiet">Its data is empty.</p>` : dataTable(type, rows)}
    <details>
      <summary>Example of ${type}</summary>
      <pre tabindex="0">${JSON.stringify(shown.examples[0].payload, null, 2)}</pre>
    </details>
  </article>`;
}

function dataTable(type: string, rows: ReturnType<typeof schemaRows>): Html {
  return html`<div class="table" role="region" aria-label="Data of ${type}" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">Data</th>
          <th scope="col">Type</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ path, type: kind, required, description }) =>
            html`<tr>
              <th scope="row"><code>${path}</code>${required ? "" : " (optional)"}</th>
              <td>${kind}</td>
              <td>${description}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
