# shellcheck shell=bash
#
# matrix.sh - the tests with the PostgreSQL of other Debian releases
#
# Sourced by runtests for --matrix, after server.sh. Each release is installed
# into a root of its own, .server/matrix/SUITE, and kept there for the next
# time; the checkout is copied into it and runs its own ./runtests there.

matrix_suites=(trixie sid experimental)

# matrix_run ARGUMENT... - runtests with these arguments in every root. What
# it says is counted here; a root that says nothing has failed.
matrix_run()
{
	local suite log line

	[[ $inv_root != *[[:space:]]* ]] ||
		inv_fail "debootstrap cannot work below a path with blanks: $inv_root"
	inv_packages debootstrap
	inv_sudo_ready 'a root for each release'
	inv_say '--- other releases'
	for suite in "${matrix_suites[@]}"; do
		log=$inv_logs/matrix-$suite.log
		matrix_root "$suite"
		rm -f "$log"
		matrix_enter "$suite" ./runtests "$@" </dev/null >"$log" 2>&1 || true
		line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1 ||
			true)
		line=${line:-0 passed, 1 failed}
		printf '%s (PostgreSQL %s): %s\n' "$suite" \
			"$(matrix_version "$suite")" "$line"
		matrix_count "$line" "$log"
	done
}

matrix_count()
{
	local good bad

	read -r good _ bad _ <<<"$1"
	tally "$good" "$bad"
	[ "$bad" -eq 0 ] || show_failure /dev/null "$2"
}

matrix_version()
{
	inv_sudo ls "$inv_root/.server/matrix/$1/usr/lib/postgresql" 2>/dev/null |
		tail -n 1
}

# matrix_mirror - where this machine gets its own packages from
matrix_mirror()
{
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -vi security | head -n 1
}

# A root that was not finished has another name, and is made again.
matrix_root()
{
	local root=$inv_root/.server/matrix/$1

	if [ ! -d "$root" ]; then
		inv_sudo rm -rf "$root.new"
		inv_sudo mkdir -p "$root.new"
		inv_step "Installing Debian $1" "matrix-$1-root" \
			matrix_debootstrap "$1" "${DEBIAN_MIRROR:-$(matrix_mirror)}"
		inv_sudo mv "$root.new" "$root"
	fi
	inv_sudo rm -rf "$root/inventory"
	inv_sudo mkdir "$root/inventory"
	tar -c --exclude ./.git --exclude ./.server \
		--exclude ./examples/node_modules . |
		inv_sudo tar -x --no-same-owner -C "$root/inventory"
}

# matrix_debootstrap SUITE MIRROR - a root with an apt that works. experimental
# is no system of its own: it is sid with the PostgreSQL that is to come.
matrix_debootstrap()
{
	local root=$inv_root/.server/matrix/$1.new

	inv_sudo debootstrap --variant=minbase "${1/experimental/sid}" "$root" "$2"
	# a mirror may be older than its lists are said to be good for
	echo 'Acquire::Check-Valid-Until "false";' |
		inv_sudo tee "$root/etc/apt/apt.conf.d/matrix" >/dev/null
	if [ "$1" = experimental ]; then
		echo "deb $2 experimental main" |
			inv_sudo tee "$root/etc/apt/sources.list.d/matrix.list" >/dev/null
		matrix_enter "$1.new" sh -euc '
			apt-get update
			major=$(apt-cache pkgnames postgresql- |
				sed -n "s/^postgresql-\([0-9]*\)\$/\1/p" | sort -n | tail -n 1)
			mkdir -p /etc/postgresql-common/createcluster.d
			echo "create_main_cluster = false" \
				>/etc/postgresql-common/createcluster.d/matrix.conf
			DEBIAN_FRONTEND=noninteractive apt-get install -y \
				--no-install-recommends \
				"postgresql-$major/experimental" \
				"postgresql-client-$major/experimental" \
				"postgresql-server-dev-$major/experimental" \
				libpq5/experimental libpq-dev/experimental'
	fi
}

# The mounts are in a namespace of their own: they are gone when it ends.
matrix_enter()
{
	local root=$inv_root/.server/matrix/$1

	shift
	inv_sudo unshare --mount --pid --fork --kill-child bash -euc '
		root=$1; shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			chroot "$root" sh -c "
				! [ -d /inventory ] || cd /inventory
				exec \"\$@\"" sh "$@"
		' bash "$root" "$@"
}
