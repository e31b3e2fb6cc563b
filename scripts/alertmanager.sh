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
}

alertmanager_unpack()
{
	cd "$1"
	inv_as apt-get -q download prometheus-alertmanager
	inv_as dpkg-deb -x prometheus-alertmanager_*.deb .
	inv_as rm prometheus-alertmanager_*.deb
}
