#!/bin/sh
# Every file of the byte-exact reference data is read by a test: its name stands in one.
set -eu

examples=${TRIT_SHARED:-$TRIT_SOURCE/../shared}/spec/examples
[ -d "$examples" ] || {
    echo "skipped: ../shared/spec/examples not present"
    exit 77
}
n=0 bad=0
for file in "$examples"/*; do
    name=$(basename "$file")
    case $name in
    README.md) continue ;;
    esac
    n=$((n + 1))
    grep -rqF "$name" "$TRIT_SOURCE/tests" || {
        echo "no test uses $name"
        bad=1
    }
done
echo "$n files of reference data"
exit $bad
