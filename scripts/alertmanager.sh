# shellcheck shell=bash
#
# alertmanager.sh - the Alertmanager for t/043_alertmanager.pl
#
# Sourced by runtests, after server.sh.

# alertmanager_find - sets and exports INV_ALERTMANAGER, the program
alertmanager_find()
{
	local program=/usr/bin/prometheus-alertmanager

	INV_ALERTMANAGER=$(inv_package_unpack prometheus-alertmanager "$program")
	export INV_ALERTMANAGER
	alertmanager_templates "${INV_ALERTMANAGER%"$program"}"
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
