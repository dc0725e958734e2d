# Node: `sh src/node.sh ARGS` is `node ARGS` with the first Node of the PATH that starts. In npm scripts that is the Node 26 of
# node_modules, which a machine without one of its libraries cannot run; then npm's own Node runs the preflight, which says so.
if node --version >/dev/null 2>&1; then exec node "$@"; fi
exec "${npm_node_execpath:-node}" "$@"
