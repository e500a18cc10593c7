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
export { type Cluster, cluster_schema, parseCluster } from "../../cli/plan/cluster_file.ts";
export {
  allReduceSeconds,
  type Estimate,
  estimate,
  type TrainingJob,
} from "../../cli/plan/estimate.ts";
