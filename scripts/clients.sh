# shellcheck shell=bash
#
# clients.sh - what the examples for other languages need
#
# Sourced by runtests for t/030_clients.pl, after server.sh. The clients are
# those of Debian 12, and for Node.js those that examples/package-lock.json
# names. One that cannot be had fails its example, and nothing else.

# clients_install - on another release the test runs none of them
clients_install()
{
	grep -q '^VERSION_ID="12"' /etc/os-release || return 0
	clients_try inv_packages python3-psycopg python3-psycopg2 \
		python3-sqlalchemy python3-django ruby-activerecord ruby-pg \
		golang-go golang-github-jackc-pgx-v4-dev \
		default-jdk-headless libpostgresql-jdbc-java libgoogle-gson-java
	[ -x "$(command -v node)" ] || clients_try inv_packages nodejs
	[ -x "$(command -v npm)" ] || clients_try inv_packages npm
	clients_node_ready ||
		clients_try inv_step 'Installing npm packages' npm clients_npm
}

# Whether what npm installed is what the lock file says, and Prisma's client
# what its schema says.
clients_node_ready()
{
	local file ready=$inv_root/examples/node_modules/.ready

	for file in package-lock.json prisma/schema.prisma; do
		[ "$ready" -nt "$inv_root/examples/$file" ] || return 1
	done
}

# Prisma's client needs no engine, and generating it neither; but its program
# wants to download two first, from where we may not reach, unless told of some.
clients_npm()
{
	cd "$inv_root/examples"
	inv_in_checkout npm ci --ignore-scripts --no-audit --no-fund
	inv_in_checkout env CHECKPOINT_DISABLE=1 \
		PRISMA_SCHEMA_ENGINE_BINARY=/bin/true \
		PRISMA_QUERY_ENGINE_LIBRARY=/bin/true \
		node_modules/.bin/prisma generate
	inv_in_checkout touch node_modules/.ready
}

# clients_try COMMAND... - in a subshell, and not as a condition: bash would
# then ignore errors inside COMMAND
clients_try()
{
	set +e
	(set -e; "$@")
	set -e
}
