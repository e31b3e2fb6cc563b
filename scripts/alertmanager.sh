# shellcheck shell=bash
#
# alertmanager.sh - the Alertmanager for t/043_alertmanager.pl
#
# Sourced by runtests, after server.sh. Where Alertmanager is not installed,
# Debian's package is unpacked into a folder of its own: installing it would
# start a service.

# alertmanager_find - sets and exports INV_ALERTMANAGER, the program
alertmanager_find()
{
	local dir

	INV_ALERTMANAGER=$(command -v prometheus-alertmanager || true)
	if [ -z "$INV_ALERTMANAGER" ]; then
		dir=$(inv_server_dir alertmanager)
		INV_ALERTMANAGER=$dir/usr/bin/prometheus-alertmanager
		if [ ! -x "$INV_ALERTMANAGER" ]; then
			inv_sudo_ready 'reading package lists'
			inv_package_lists
			inv_step 'Unpacking Alertmanager' alertmanager \
				alertmanager_unpack "$dir"
		fi
	fi
	export INV_ALERTMANAGER
	alertmanager_templates "${dir:-}"
}

# Debian's build reads its templates from where the package would have them,
# and nowhere else.
alertmanager_templates()
{
	local place=/usr/share/prometheus/alertmanager

	if [ -n "$1" ] && [ ! -e "$place/default.tmpl" ]; then
		inv_sudo_ready "copying Alertmanager's templates"
		inv_sudo mkdir -p "$place"
		inv_sudo cp "$1$place"/*.tmpl "$place"
	fi
}

alertmanager_unpack()
{
	cd "$1"
	inv_as apt-get -q download prometheus-alertmanager
	inv_as dpkg-deb -x prometheus-alertmanager_*.deb .
	inv_as rm prometheus-alertmanager_*.deb
}
