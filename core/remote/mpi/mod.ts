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
  mpiVersion,
  type ProcessGroup,
} from "./process_group.ts";
