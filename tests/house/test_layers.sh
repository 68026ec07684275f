#!/bin/sh
# The check of the layers sees what it must, and every #include of the tree is one that the room table allows.
set -eu

# A tree of one offence each: the check must name it.
offence() {
    rm -rf tree
    mkdir -p tree/tools tree/cli tree/include/trit tree/src/base tree/"$(dirname "$1")"
    cp "$TRIT_SOURCE/tools/layers.txt" tree/tools/
    echo '#include <string.h>' >tree/src/base/good.c
    echo "$2" >tree/"$1"
    if "$TRIT_SOURCE/tools/check_layers.sh" tree >said; then
        echo "not seen: $1: $2"
        exit 1
    fi
    grep -q "^$1:1: " said || {
        echo "said nothing of $1: $2"
        exit 1
    }
}
offence src/base/a.c '#include "tensor/dtype.h"'
offence src/kernel/a.c '#include "base/alloc.h"'
offence src/kernel/x86/a.c '#include "device/device.h"'
offence src/device/registry.c '#include "kernel/kernel.h"'
offence src/engine/a.c '  #  include "io/io.h"'
offence src/io/a.c '#include <jansson.h>'
offence src/model/a.c '#include <pcre2.h> /* why not */'
offence src/model/a.c '#include "../io/io.h"'
offence src/model/a.c '#include "model.h"'
offence src/cellar/a.c '#include <string.h>'
offence cli/a.c '#include "tensor/dtype.h"'
offence include/trit/a.h '#include "base/error.h"'
offence include/trit/a.h '#include <stdio.h>'

# And not what is allowed.
rm -rf tree
mkdir -p tree/tools tree/cli tree/include/trit tree/src/device/cpu tree/src/base
cp "$TRIT_SOURCE/tools/layers.txt" tree/tools/
printf '%s\n' '#include "kernel/kernel.h"' '#include "device/device.h"' '#include "trit/status.h"' >tree/src/device/cpu/a.c
printf '%s\n' '#include <jansson.h>' >tree/src/base/json.c
printf '%s\n' '#include "base/os.h"' '#include "trit/trit.h"' >tree/cli/a.c
"$TRIT_SOURCE/tools/check_layers.sh" tree

# The tree itself.
"$TRIT_SOURCE/tools/check_layers.sh" "$TRIT_SOURCE"
