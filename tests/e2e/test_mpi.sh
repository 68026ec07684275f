#!/bin/sh
# Training shared by processes: the same model as of one, the same bits from run to run, and a process that is killed loses unsaved steps only.
# A build without MPI refuses a job; the rest is skipped there.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
text=$TRIT_SOURCE/README.md
small="--tokenizer byte --n-layers 1 --dim 32 --n-heads 2 --context 32 --eval-every 2 --save-every 2 --keep 9 -t 1 --json"

code=0
# shellcheck disable=SC2086 # a list of words
OMPI_COMM_WORLD_SIZE=4 "$TRIT_PROGRAM" train "$text" -o none $small --steps 1 >out 2>err || code=$?
if grep -q 'built without MPI' err; then
    [ "$code" = 3 ] || fail "a job without MPI: exit $code"
    [ ! -e none/log.jsonl ] || fail "a refused job wrote"
    echo "skipped: built without MPI"
    exit 77
fi
rm -rf none

# As many processes as asked for on this machine, whoever runs the test.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

# job N arguments...
job() {
    n=$1
    shift
    # shellcheck disable=SC2086
    mpirun -n "$n" "$TRIT_PROGRAM" train "$@" $small
}

# Sums themselves, of three.
mpirun -n 3 "$TRIT_BUILD/test_train_parallel" >out 2>err || fail "sums over processes"

job 1 "$text" -o one --batch-rows 4 --micro-rows 1 --steps 4 >out 2>err || fail "one process"
job 4 "$text" -o four --batch-rows 4 --micro-rows 1 --steps 4 >out4 2>err || fail "four processes"
[ "$(grep -c '"loss"' out4)" = 4 ] || fail "not the first process alone tells"
cmp one/step-4/model.safetensors four/step-4/model.safetensors || fail "four processes give another model than one"
job 4 "$text" -o again --batch-rows 4 --micro-rows 1 --steps 4 >/dev/null 2>err || fail "four processes again"
cmp four/step-4/optimizer.safetensors again/step-4/optimizer.safetensors || fail "two runs of four processes differ"

# In bfloat16, too.
job 1 "$text" -o one16 --batch-rows 4 --micro-rows 1 --steps 4 --precision bf16 >out 2>err || fail "one process in bfloat16"
job 4 "$text" -o four16 --batch-rows 4 --micro-rows 1 --steps 4 --precision bf16 >out 2>err || fail "four processes in bfloat16"
cmp one16/step-4/model.safetensors four16/step-4/model.safetensors || fail "four processes give another model in bfloat16"
if cmp -s one16/step-4/model.safetensors one/step-4/model.safetensors; then fail "bfloat16 changes nothing"; fi

# More rows a process than one: sums in another order, so as good as the same.
job 1 "$text" -o all --batch-rows 8 --steps 4 >all.out 2>err || fail "one process, one part"
job 2 "$text" -o two --batch-rows 8 --micro-rows 2 --steps 4 >two.out 2>err || fail "two processes"
paste all.out two.out | awk -F'[:,]' '/"loss"/ { n++; d = $6 - $(6 + NF / 2); if (d > 1e-6 * $6 || d < -1e-6 * $6) exit 1 } END { if (!n) exit 1 }' ||
    fail "losses of two processes differ"

# What does not divide is refused by all at once.
code=0
job 3 "$text" -o bad --batch-rows 4 --micro-rows 1 --steps 4 >out 2>err || code=$?
[ "$code" != 0 ] || fail "4 rows were shared by 3 processes"
says 'cannot be shared by 3 processes' err

# What only the first process finds out ends all of them: its log is none, its folder for a checkpoint is a file.
ends() { # WORDS arguments...
    words=$1 code=0
    shift
    # shellcheck disable=SC2086
    timeout 300 mpirun -n 2 "$TRIT_PROGRAM" train "$@" $small >out 2>err || code=$?
    [ "$code" != 0 ] || fail "goes on: $words"
    [ "$code" != 124 ] || fail "hangs: $words"
    says "$words" err
}
echo 'no line of a log' >>two/log.jsonl
ends 'is none of a training log' --resume two --steps 6
mkdir file
: >file/step-2
ends 'step-2: is a file' "$text" -o file --batch-rows 4 --steps 4

# A loss that is no number ends all of them, each with a line that says where, or which process knows; the checkpoint before it goes on at a lower
# rate as if nothing had been.
calm="--batch-rows 4 --micro-rows 2 --optimizer sgd --lr 0.01 --clip 0 --warmup 0 --schedule constant"
# shellcheck disable=SC2086
job 2 "$text" -o calm $calm --steps 8 >out 2>err || fail "a calm run"
# shellcheck disable=SC2086
job 2 "$text" -o wild $calm --steps 4 >out 2>err || fail "a run that will be wild"
code=0
timeout 300 mpirun -n 2 "$TRIT_PROGRAM" train --resume wild --lr 1000 --steps 400 --save-every 1000 --eval-every 1000 -t 1 --json >out 2>err || code=$?
[ "$code" != 124 ] || fail "hangs: a loss that is no number"
[ "$code" = 3 ] || fail "exit $code instead of 3 where the loss is no number"
says '^trit: step [0-9]*: the .* is not finite (a lower learning rate may help); saved: wild/step-4$' err
[ "$(grep -c '^trit: ' err)" -le 2 ] || fail "more than a line of a process"
if grep '^trit: ' err | grep -v -e 'is not finite' -e 'process [01] of 2 failed; its own message says why; saved: wild/step-4$'; then fail "another line"; fi
[ "$(printf '%s ' wild/step-*)" = 'wild/step-2 wild/step-4 ' ] || fail "other checkpoints than before: $(ls wild)"
job 2 --resume wild --lr 0.01 --steps 8 >out 2>err || fail "a run that goes on"
cmp wild/step-8/model.safetensors calm/step-8/model.safetensors || fail "what went wrong is not forgotten"

# A process that is killed ends the job; the last checkpoint is whole, and one process goes on from it.
job 2 "$text" -o "$PWD/killed" --batch-rows 4 --steps 100000 >out 2>err &
waiting=$!
tries=0
until [ -d killed/step-4 ]; do
    tries=$((tries + 1))
    [ $tries -lt 2400 ] || fail "no checkpoint"
    sleep 0.05
done
pkill -KILL -n -f "train .*-o $PWD/killed" || fail "nothing to kill"
code=0
wait $waiting || code=$?
[ "$code" != 0 ] || fail "a killed process is no failure"
last=$(printf '%s\n' killed/step-* | sed 's/.*-//' | sort -n | tail -1)
# shellcheck disable=SC2086
expect 0 train --resume killed --steps $((last + 2)) -t 1 --json
says "\"step\": $((last + 2))," out
