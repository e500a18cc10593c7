/**
 * Starting several processes under a real MPI launcher: as the benchmarks do, which may import nothing of the tests.
 *
 * @module
 */
export { ENVIRONMENT, LAUNCHERS, mpirun } from "../bench/shared/mpirun.ts";
