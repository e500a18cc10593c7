/**
 * Several processes as one: collectives over MPI.
 *
 * @module
 */
export {
  attachGroup,
  isLaunched,
  joinGroup,
  type Launched,
  type ProcessGroup,
} from "./process_group.ts";
