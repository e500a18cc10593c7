/**
 * The status server: API and dashboard.
 *
 * @module
 */
export { type Access, accessFor, takeToken, TOKEN_VARIABLE } from "./access.ts";
export { statusApp, type StatusOptions } from "./app.ts";
export { type Control, controlOf } from "./routes/control.ts";
export {
  DEFAULT_HOST,
  DEFAULT_PORT,
  type ServerOptions,
  serveStatus,
  type StatusServer,
} from "./server.ts";
