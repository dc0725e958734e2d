/**
 * Node flags: what every process of the server is started with. V8 takes them on the command line only, so package.json, the
 * Dockerfile and deploy/fly.single.toml repeat them; test/deploy.test.ts holds them together.
 */
export const NODE_FLAGS = [
  // Small young generations: the memory of a burst goes back.
  "--max-semi-space-size=4",
  // The embedded database's WebAssembly stays as V8 first compiles it: optimised, a turn takes a quarter less and the process 60 MB more.
  "--liftoff-only",
]
