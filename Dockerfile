# syntax=docker/dockerfile:1
# One image for every role: `all` by default, `web` or `worker` as the command. There is no build step.
FROM node:26-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# npm ci patches packages.
COPY src/node.sh src/postinstall.js ./src/
COPY src/db/patches ./src/db/patches
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev
# The database of a first boot, made where there is memory for it.
COPY drizzle ./drizzle
COPY src ./src
RUN node src/app/make-pristine.ts

FROM node:26-slim AS app
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node -m 700 /data
ENV NODE_OPTIONS=--max-semi-space-size=4 NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data HOME=/home/node
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY drizzle ./drizzle
COPY src ./src
USER node
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "-s", "--"]
# V8 takes --liftoff-only on the command line only (src/node-flags.ts).
CMD ["node", "--liftoff-only", "src/main.ts", "all"]

# Where a volume comes mounted as root (Fly): take it over, then drop to the same unprivileged user.
FROM app AS volume
USER root
ENTRYPOINT ["tini", "-s", "--", "sh", "-c", "chown node:node /data && exec setpriv --reuid=node --regid=node --init-groups \"$@\"", "--"]

# The default target.
FROM app
