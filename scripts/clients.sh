# shellcheck shell=bash
#
# clients.sh - what the examples for other languages need
#
# Sourced by runtests for t/030_clients.pl, after server.sh. The clients are
# those of Debian 12. One that cannot be had fails its example, nothing else.

# clients_install - on another release the test runs none of them
clients_install()
{
	grep -q '^VERSION_ID="12"' /etc/os-release || return 0
	clients_try inv_packages python3-psycopg python3-psycopg2 \
		python3-sqlalchemy python3-django ruby-activerecord ruby-pg \
		golang-go golang-github-jackc-pgx-v4-dev \
		default-jdk-headless libpostgresql-jdbc-java libgoogle-gson-java
}

# clients_try COMMAND... - in a subshell, and not as a condition: bash would
# then ignore errors inside COMMAND
clients_try()
{
	set +e
	(set -e; "$@")
	set -e
}
