#!/bin/sh
# Makes the fonts of the pages anew, out of the packages they are published in: the letters that the
# pages are written with, in the weights they use. Needs npm, and Python with venv.

set -eu
cd "$(dirname "$0")"

PACKAGES="@fontsource-variable/archivo@5.3.0 @fontsource-variable/besley@5.3.0"
FONTTOOLS="fonttools[woff]==4.60.1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086  # a list of words
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$work" $PACKAGES
python3 -m venv "$work/python"
"$work/python/bin/pip" --quiet --disable-pip-version-check install "$FONTTOOLS"
packages=$work/node_modules/@fontsource-variable

# A point may be half a five-hundredth of the type's size beside where it was drawn: of the largest number of the
# pages an eighth of a pixel. For that the files are a seventh smaller.
UNITS=500

# make NAME WEIGHTS UNICODES FEATURES
make() {
    "$work/python/bin/fonttools" varLib.instancer --quiet --output "$work/$1.ttf" \
        "$packages/$1/files/$1-latin-wght-normal.woff2" "wght=$2"
    "$work/python/bin/pyftsubset" "$work/$1.ttf" --unicodes="$3" --layout-features="$4" --no-hinting \
        --name-IDs=1,2,13,14 --flavor=woff2 --output-file="$work/$1.woff2"
    "$work/python/bin/fonttools" ttLib.scaleUpem --output-file "$1.woff2" "$work/$1.woff2" "$UNITS" >/dev/null
}

# Those of ASCII that texts and names have, the dash, the apostrophe, quotes and the dots.
make archivo 400:600 U+0020-003B,U+003D,U+003F-005A,U+005F,U+0061-007A,U+00B7,U+2013,U+2019,U+201C,U+201D,U+2026 kern,tnum
make besley 560 U+0020-0021,U+0026,U+002C-003A,U+003F,U+0041-005A,U+0061-007A,U+2013,U+2019,U+2026 kern,tnum
