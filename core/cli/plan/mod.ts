/**
 * The estimate of training on a cluster, for the benchmarks that compare it with measurements.
 *
 * @module
 */
export {
  allReduceSeconds,
  type Cluster,
  cluster_schema,
  type Estimate,
  estimate,
  parseCluster,
  type TrainingJob,
} from "./estimate.ts";
