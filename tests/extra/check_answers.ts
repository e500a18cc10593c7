/**
 * Checks the answers of the app against its own OpenAPI document.
 *
 * @module
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Hono } from "hono";
import assert from "node:assert/strict";

export const HOST = { host: "127.0.0.1:7411" };

interface Answer {
  readonly content?: Record<string, { readonly schema: object }>;
}
interface Operation {
  readonly summary?: string;
  readonly responses: Record<string, Answer>;
}
export interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

export async function documentOf(app: Hono): Promise<Document> {
  return await (await app.request("/openapi.json", { headers: HOST })).json();
}

/** A copy in which objects may only have the fields that their schema names, except schemas that others extend. */
function strict(document: Document): Document {
  const parts = new Set<unknown>();
  const copy = JSON.parse(JSON.stringify(document), (_, value) => {
    for (const part of value?.allOf ?? []) parts.add(part.$ref?.split("/").at(-1) ?? part);
    const has_fields = value?.properties !== undefined || value?.allOf !== undefined;
    return has_fields ? Object.assign(value, { unevaluatedProperties: false }) : value;
  });
  for (const part of parts) {
    delete (typeof part === "string" ? copy.components.schemas[part] : part).unevaluatedProperties;
  }
  return copy;
}

/** Checks answers against the schemas of a document. */
export class Checker {
  readonly #ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  readonly #document: Document;
  /** "METHOD path status" of the answers seen. */
  readonly seen = new Set<string>();

  constructor(document: Document) {
    this.#document = document;
    this.#ajv.addSchema({ ...strict(document), $id: "api" });
  }

  /** @returns the status of the answer, if it matches the document. */
  async check(
    app: Hono,
    method: string,
    path: string,
    headers: HeadersInit = {},
    body?: string,
  ): Promise<number> {
    const response = await app.request(path, { method, headers: { ...HOST, ...headers }, body });
    const { status } = response;
    const template = this.#template(path);
    const where = `${method} ${template} ${status}`;
    this.seen.add(where);
    const answer = this.#document.paths[template]?.[method.toLowerCase()]?.responses[status];
    assert.ok(answer, `${where} is not in the document`);
    const type = response.headers.get("content-type")?.replace(/;.*/, "");
    const text = await response.text();
    if (answer.content === undefined) {
      assert.deepEqual([type, text], [undefined, ""], where);
    } else {
      const declared = [type!, "application/octet-stream", "*/*"].find((one) =>
        one in answer.content!
      );
      assert.ok(declared, `${where} has type ${type}, which is not in the document`);
      if (/[/+]json$/.test(declared)) {
        const parts = [
          "paths",
          template,
          method.toLowerCase(),
          "responses",
          `${status}`,
          "content",
        ];
        const place = [...parts, declared, "schema"].map((part) => {
          return encodeURIComponent(part.replaceAll("/", "~1"));
        });
        const validate: ValidateFunction = this.#ajv.getSchema(`api#/${place.join("/")}`)!;
        assert.ok(validate(JSON.parse(text)), `${where}: ${JSON.stringify(validate.errors)}`);
      }
    }
    return status;
  }

  #template(path: string): string {
    const { pathname } = new URL(path, "http://x");
    const fits = (template: string) => {
      const pattern = template.replace(/\{name\}$/, ".+").replace(/\{\w+\}/g, "[^/]+");
      return new RegExp(`^${pattern.replaceAll(".json", "\\.json")}$`).test(pathname);
    };
    const templates = Object.keys(this.#document.paths).filter(fits);
    // Prefer paths with fewer parameters.
    templates.sort((a, b) => a.split("{").length - b.split("{").length);
    return templates[0] ?? pathname;
  }
}
