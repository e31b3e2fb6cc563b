# shellcheck shell=bash
#
# server.sh - private PostgreSQL servers inside the checkout
#
# Sourced by quickstart, runtests and bench/run. It sets `inv_root`, the
# absolute path of the checkout, and the functions below; each says what it
# does. Everything it makes lies in .server/ (see inv_server_dir for the one
# exception); the machine's own clusters are never touched.
#
# Progress and failures go to standard error, so that a caller's standard
# output holds nothing but results.

inv_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
inv_logs=$inv_root/.server/log

# What the caller has set for some other server must not reach ours, and
# messages and sorting are the same on every machine.
for inv_name in "${!PG@}" "${!LC_@}" LANGUAGE; do
	[ "$inv_name" = PG_CONFIG ] || unset "$inv_name"
done
unset inv_name
export LANG=C.UTF-8 LC_ALL=C.UTF-8

# Folders that root makes or installs have to be readable to the server.
umask 022

# An error inside $(...) ends the caller too.
shopt -s inherit_errexit

# --- words to the person -----------------------------------------------------

inv_say()
{
	printf '%s\n' "$*" >&2
}

# inv_fail MESSAGE [LOG] - the step and its reason, the log's end, the end
inv_fail()
{
	printf '\nFAILED: %s\n' "$1" >&2
	if [ -n "${2:-}" ]; then
		tail -n 20 "$2" | sed 's/^/    /' >&2 || true
		printf 'The whole log: %s\n' "$2" >&2
	fi
	exit 1
}

# One line that counts the seconds and shows where the log has got to.
inv_tick()
{
	local title=$1 log=$2 width=${COLUMNS:-80} last

	while sleep 1 && kill -0 $$ 2>/dev/null; do
		last=$(tail -n 1 "$log" 2>/dev/null | tr -dc '[:print:]')
		last="$title  $((SECONDS - inv_began)) s  $last"
		printf '\r\033[K%s' "${last:0:width - 1}" >&2
	done
}

# inv_step TITLE LOGNAME COMMAND... - run COMMAND (also a function) in a
# subshell with its output in .server/log/LOGNAME.log.
# Never call it as a condition: bash would then ignore errors inside COMMAND.
inv_step()
{
	local title=$1 log=$inv_logs/$2.log ticker='' status=0 inv_began=$SECONDS

	shift 2
	inv_make_folder "$inv_logs"
	rm -f "$log"                # another user's log cannot be overwritten
	printf '%s ' "$title" >&2
	if [ -t 2 ]; then
		inv_tick "$title" "$log" &
		ticker=$!
	fi
	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	status=$?
	set -e
	if [ -n "$ticker" ]; then
		kill "$ticker"
		wait "$ticker" 2>/dev/null || true
		printf '\r\033[K%s ' "$title" >&2
	fi
	[ "$status" -eq 0 ] || inv_fail "$title" "$log"
	printf 'done (%d s)\n' $((SECONDS - inv_began)) >&2
}

# --- users -------------------------------------------------------------------

# inv_user - the ordinary user that servers and tests run as, since PostgreSQL
# refuses root: oneself; under sudo the one who typed it, if the checkout is
# theirs to write; for plain root `postgres`, which Debian's package makes.
inv_user()
{
	if [ "$EUID" -ne 0 ]; then
		id -un
	elif [ "${SUDO_UID:-0}" -ne 0 ] &&
		inv_become "$SUDO_USER" test -w "$inv_root"; then
		printf '%s\n' "$SUDO_USER"
	else
		echo postgres
	fi
}

# inv_become USER COMMAND... - for root only. A current directory that USER
# cannot enter would stop PostgreSQL's programs: then it is the root one.
inv_become()
{
	local user=$1 group home

	shift
	group=$(id -g "$user")
	home=$(getent passwd "$user" | cut -d: -f6)
	setpriv --reuid "$user" --regid "$group" --init-groups -- \
		env HOME="$home" USER="$user" LOGNAME="$user" \
		sh -c 'cd "$PWD" 2>/dev/null || cd /; exec "$@"' sh "$@"
}

# inv_as COMMAND... - run a program (no function) as the ordinary user
inv_as()
{
	if [ "$EUID" -ne 0 ]; then
		"$@"
	else
		inv_become "$(inv_user)" "$@"
	fi
}

# inv_in_checkout COMMAND... - run a program that writes to the checkout: as
# the ordinary user where they may, so that root leaves nothing behind there.
inv_in_checkout()
{
	if [ "$EUID" -eq 0 ] && [ "$(inv_user)" != postgres ]; then
		inv_as "$@"
	else
		"$@"
	fi
}

# inv_sudo COMMAND... - run a program as root
inv_sudo()
{
	if [ "$EUID" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Ask for sudo's password before a step, not in the middle of its progress.
inv_sudo_ready()
{
	[ "$EUID" -eq 0 ] && return
	[ -x "$(command -v sudo)" ] ||
		inv_fail "$1 needs root: run this as root, or install sudo"
	sudo true || inv_fail "$1 needs root, and sudo refused"
}

# --- packages ----------------------------------------------------------------

inv_packages_missing()
{
	local package

	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q ' installed$' || printf '%s\n' "$package"
	done
}

# inv_packages PACKAGE... - install those that are missing
inv_packages()
{
	local missing

	[ -x "$(command -v apt-get)" ] ||
		inv_fail "installing packages needs Debian's apt-get; wanted: $*"
	mapfile -t missing < <(inv_packages_missing "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	inv_sudo_ready "installing ${missing[*]}"
	inv_package_lists
	inv_step "Installing ${missing[*]}" packages inv_apt_install "${missing[@]}"
}

# inv_package_unpack NAME PROGRAM - print where PROGRAM of Debian's package NAME
# is: the one that is installed, or one unpacked into a folder of its own, since
# installing the package would start a service.
inv_package_unpack()
{
	local dir program

	program=$(command -v "$(basename "$2")" || true)
	if [ -z "$program" ]; then
		dir=$(inv_server_dir "$1")
		program=$dir$2
		if [ ! -x "$program" ]; then
			inv_sudo_ready 'reading package lists'
			inv_package_lists
			inv_step "Unpacking $1" "unpack-$1" inv_unpack_into "$dir" "$1"
		fi
	fi
	printf '%s\n' "$program"
}

inv_unpack_into()
{
	cd "$1"
	inv_as apt-get -q download "$2"
	inv_as dpkg-deb -x "$2"_*.deb .
	inv_as rm "$2"_*.deb
}

# Once per run. A foreign source that fails need not matter for what we want:
# the installation that follows decides.
inv_package_lists()
{
	[ -z "${inv_lists_read:-}" ] || return 0
	inv_lists_read=1
	inv_step "Reading Debian's package lists" package-lists \
		eval 'inv_apt update || echo "going on without"'
}

inv_apt()
{
	inv_sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# Debian's server package makes a cluster and starts it. Nobody asked for one,
# so that is switched off while we install - and only while: afterwards the
# machine's configuration is what it was. To be run in a subshell.
inv_apt_install()
{
	local folder=/etc/postgresql-common/createcluster.d
	local switch=$folder/inventory-installing.conf

	trap 'inv_sudo rm -f '"$switch" EXIT
	inv_sudo mkdir -p "$folder"
	echo 'create_main_cluster = false' | inv_sudo tee "$switch" >/dev/null
	inv_apt install --no-install-recommends "$@"
}

# --- which PostgreSQL --------------------------------------------------------

# inv_pg_version - the major version: of $PG_CONFIG, else the highest server
# installed, else the one this Debian has (its package lists must be read)
inv_pg_version()
{
	local found

	if [ -n "${PG_CONFIG:-}" ]; then
		"$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
		return
	fi
	found=$(find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null |
		awk -F/ '$5 >= 15 { print $5 }' | sort -n | tail -n 1 || true)
	if [ -z "$found" ]; then
		found=$(apt-cache depends postgresql |
			sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1 || true)
	fi
	printf '%s\n' "$found"
}

# inv_pg_config - the path of the pg_config that make is to use
inv_pg_config()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG"
	else
		printf '/usr/lib/postgresql/%s/bin/pg_config\n' "$(inv_pg_version)"
	fi
}

inv_bindir()
{
	"$(inv_pg_config)" --bindir
}

# inv_pg_packages - install the server, what compiles against it, and a
# compiler; a PostgreSQL named by $PG_CONFIG is its owner's affair
inv_pg_packages()
{
	local major

	if [ -n "${PG_CONFIG:-}" ]; then
		inv_packages gcc libc6-dev make libcurl4-openssl-dev
		return
	fi
	if [ -z "$(inv_pg_version)" ]; then
		inv_sudo_ready 'installing PostgreSQL'
		inv_package_lists
	fi
	major=$(inv_pg_version)
	[ "${major:-0}" -ge 15 ] ||
		inv_fail "PostgreSQL 15 or newer is needed; found: ${major:-none}"
	inv_packages "postgresql-$major" "postgresql-server-dev-$major" \
		libpq-dev gcc libc6-dev make zlib1g-dev libcurl4-openssl-dev
}

# --- build -------------------------------------------------------------------

# inv_make ARGUMENT... - make in the checkout, for the chosen PostgreSQL
inv_make()
{
	inv_in_checkout make -C "$inv_root" PG_CONFIG="$(inv_pg_config)" "$@"
}

# inv_install - build what has changed, and install it where the installed
# files are not what was built
inv_install()
{
	inv_step 'Building the extension' build inv_make -j2
	if ! inv_installed; then
		inv_sudo_ready 'installing the extension'
		inv_step 'Installing the extension' install \
			inv_sudo make -C "$inv_root" PG_CONFIG="$(inv_pg_config)" install
	fi
}

inv_installed()
{
	local config lib share script

	config=$(inv_pg_config)
	lib=$("$config" --pkglibdir)
	share=$("$config" --sharedir)/extension
	for script in "$inv_root"/inventory*.sql "$inv_root/inventory.control"; do
		cmp -s "$script" "$share/${script##*/}" || return 1
	done
	cmp -s "$inv_root/inventory.so" "$lib/inventory.so"
}

# --- private servers ---------------------------------------------------------

# A folder that the ordinary user can enter, made by whoever may write here.
inv_make_folder()
{
	[ -d "$1" ] || inv_in_checkout mkdir -p "$1" ||
		inv_fail "$(id -un) cannot make the folder $1"
}

# inv_server_dir NAME - print the folder of a server; made if it is not there.
# It is .server/NAME, or, for root with a checkout that the ordinary user
# cannot reach (below /root, say), a folder in /var/lib that .server/NAME
# links to. Its mode is 0700: see inv_server_configure.
inv_server_dir()
{
	local dir=$inv_root/.server/$1 real

	if [ -d "$dir" ]; then
		readlink -f "$dir"
		return
	fi
	rm -f "$dir"
	inv_make_folder "$inv_root/.server"
	if inv_as test -x "$inv_root/.server"; then
		real=$dir
		mkdir "$real"
	else
		real=$(mktemp -d "/var/lib/inventory-$1.XXXXXX")
		ln -s "$real" "$dir"
		inv_say "(the server's data is in $real: $(inv_user) cannot enter" \
			"$inv_root)"
	fi
	chmod 700 "$real"
	[ "$EUID" -ne 0 ] || chown "$(inv_user):" "$real"
	printf '%s\n' "$real"
}

# inv_server_socket DIR - print the folder for the server's socket: DIR, or a
# private one in /tmp where DIR is too long for a socket or would need quoting
# in connection strings. DIR/socket remembers it.
inv_server_socket()
{
	local dir=$1 socket

	if [[ $dir =~ ^[A-Za-z0-9/._-]{1,80}$ ]]; then
		printf '%s\n' "$dir"
		return
	fi
	socket=$(readlink "$dir/socket" || true)
	if [ -z "$socket" ] ||
		[ "$(stat -c %U "$socket" 2>/dev/null)" != "$(inv_user)" ]; then
		socket=$(inv_as mktemp -d /tmp/inventory.XXXXXX)
		inv_as ln -sfn "$socket" "$dir/socket"
	fi
	printf '%s\n' "$socket"
}

inv_server_running()
{
	inv_as "$(inv_bindir)/pg_ctl" -D "$1/data" status >/dev/null 2>&1
}

# In two moves, so that a half-made data folder is never taken for a whole one.
inv_server_make()
{
	rm -rf "$1/data.new"
	inv_as "$(inv_bindir)/initdb" -D "$1/data.new" -U postgres \
		--auth=trust --encoding=UTF8 --locale=C
	mv "$1/data.new" "$1/data"
}

# Minor releases of 2026 ask an administrator which libraries may be named as
# output plugins; earlier ones do not know the setting.
inv_server_plugins()
{
	inv_as "$(inv_bindir)/postgres" --describe-config | awk -v q="'" '
		$1 == "output_plugin_libraries" {
			print $1 " = " q "inventory, pgoutput, test_decoding, wal2json" q
		}'
}

# The server listens on its socket only. Its folder lets in nobody but the
# ordinary user (and root), so whoever gets as far as the socket is trusted.
# Sets inv_settings_new to whether they are not what they were.
inv_server_configure()
{
	local dir=$1 port=$2 new=$1/inventory.conf.new old=$1/inventory.conf

	shift 2
	{
		printf '%s\n' "shared_preload_libraries = 'inventory'" \
			"listen_addresses = ''" "port = $port" \
			"unix_socket_directories = '$(inv_server_socket "$dir")'" \
			'unix_socket_permissions = 0700' "$@"
		inv_server_plugins
	} | inv_as tee "$new" >/dev/null
	grep -q '^include .*inventory.conf' "$dir/data/postgresql.conf" ||
		echo "include '../inventory.conf'" |
		inv_as tee -a "$dir/data/postgresql.conf" >/dev/null
	inv_settings_new=
	cmp -s "$new" "$old" || inv_settings_new=yes
	mv "$new" "$old"
}

# Whether the library was installed after the server had loaded it.
inv_server_outdated()
{
	local library started

	library=$("$(inv_pg_config)" --pkglibdir)/inventory.so
	started=$(sed -n 3p "$1/data/postmaster.pid")
	[ "$(stat -c %Y "$library" 2>/dev/null || echo 0)" -ge "$started" ]
}

inv_server_check()
{
	local dir=$1 made

	if [ "$(stat -c %U "$dir")" != "$(inv_user)" ]; then
		inv_fail "$dir belongs to $(stat -c %U "$dir"), not to $(inv_user):
run this as the user who made it (or with sudo), or remove it as that user"
	fi
	[ -d "$dir/data" ] || return 0
	made=$(cat "$dir/data/PG_VERSION")
	[ "$made" = "$(inv_pg_version)" ] ||
		inv_fail "$dir was made by PostgreSQL $made: remove it first"
}

# inv_server_start NAME [PORT] [-- 'setting = value' ...] - have the private
# server NAME running with these settings and the library as it is installed,
# and point PGHOST, PGPORT, PGUSER and PGDATABASE at it. Restarts a running
# one only if settings or library have changed.
inv_server_start()
{
	local name=$1 port=55432 dir inv_settings_new

	shift
	if [ $# -gt 0 ] && [ "$1" != -- ]; then
		port=$1
		shift
	fi
	[ "${1:-}" != -- ] || shift
	dir=$(inv_server_dir "$name")
	inv_server_check "$dir"
	[ -d "$dir/data" ] ||
		inv_step "Making the data folder" "$name-initdb" inv_server_make "$dir"
	inv_server_configure "$dir" "$port" "$@"
	if inv_server_running "$dir" &&
		{ [ -n "$inv_settings_new" ] || inv_server_outdated "$dir"; }; then
		inv_server_stop "$name"
	fi
	inv_server_running "$dir" ||
		inv_step "Starting the server" "$name-start" inv_server_launch "$dir"
	PGHOST=$(inv_server_socket "$dir")
	export PGHOST PGPORT=$port PGUSER=postgres PGDATABASE=postgres
}

inv_server_launch()
{
	inv_as "$(inv_bindir)/pg_ctl" -D "$1/data" -l "$1/server.log" \
		-w -t 120 -s start || { tail -n 15 "$1/server.log"; return 1; }
}

# inv_server_stop NAME - stop it now if it runs; sessions are ended
inv_server_stop()
{
	local dir=$inv_root/.server/$1

	[ -d "$dir" ] || return 0
	dir=$(readlink -f "$dir")
	inv_server_check "$dir"
	! inv_server_running "$dir" || inv_step 'Stopping the server' "$1-stop" \
		inv_as "$(inv_bindir)/pg_ctl" -D "$dir/data" -m fast -w -s stop
}

# inv_server_remove NAME - stop it and delete all it has
inv_server_remove()
{
	local link=$inv_root/.server/$1 dir

	[ -d "$link" ] || return 0
	inv_server_stop "$1"
	dir=$(readlink -f "$link")
	if [ -L "$dir/socket" ]; then
		inv_as rm -rf "$(readlink "$dir/socket")"
	fi
	rm -rf "$dir" "$link"
}
