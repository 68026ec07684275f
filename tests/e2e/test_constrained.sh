#!/bin/sh
# --grammar and --schema of run and batch, `grammar` and `response_format` of serve: answers have the form whatever the weights would
# say, and what is not supported is an error that names it, in the same words everywhere.
set -eu
# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
export TRIT_THREADS=1

# ---- run ----
printf 'root ::= "yes" | "no" # nothing else\n' >answer.gbnf
expect 0 run --grammar answer.gbnf --temp 2 --seed 5 -q "Is water wet?"
grep -qxE 'yes|no' out || fail "neither yes nor no"
person='{"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
 "required": ["name", "age"], "additionalProperties": false}'
printf '%s' "$person" >person.json
for schema in person.json "$person"; do
    expect 0 run --schema "$schema" --temp 2 --seed 5 -q "Who wrote Emma?"
    tr -d '\n' <out | grep -qE '^ *\{ *"name" *: *"[^"]*" *, *"age" *: *[0-9]{1,3} *\} *$' || fail "no person"
done
# Few tokens: whole all the same; too few: cut, and no error.
expect 0 run --schema person.json --temp 2 --seed 5 -n 24 -q "Who wrote Emma?"
says '}' out
expect 0 run --schema person.json --seed 5 -n 1 -q "Who wrote Emma?"
expect 0 run --schema person.json --seed 5 --json -q "Who wrote Emma?"
says '"stop_reason": "eos"' out

# ---- What is refused ----
expect 2 run --schema person.json --grammar answer.gbnf "x"
says "does not go with" err
expect 2 run --schema person.json --beams 2 "x"
expect 3 run --schema absent.json "x"
expect 3 run --schema '{"type": "object"' "x"
says "line 1" err
expect 3 run --schema '{"type": "strin"}' "x"
says '#: type "strin" is none of' err
expect 3 run --grammar person.json "x"
says "line 1" err
: >empty
expect 3 run --grammar empty "x"
says 'no rule "root"' err
printf 'root ::= root "x" | "y"\n' >left.gbnf
expect 3 run --grammar left.gbnf "x"
says "begins with itself" err
printf 'root ::= <[5]>\n' >token.gbnf
expect 3 run --grammar token.gbnf "x"
says "grammar: token 5 is neither special nor added" err
printf 'root ::= <[99999]>\n' >token.gbnf
printf 'x\n' >one.txt
expect 1 batch one.txt out.txt --grammar token.gbnf -q
says "grammar: token 99999 is outside of the vocabulary" err
expect 3 batch absent.txt out.jsonl --schema '{"not": {}}'

# Every keyword of JSON Schema 2020-12 (and of drafts before it) that is not supported, by its name and place, from the command line and the server.
# shellcheck disable=SC2016 # these are names
keywords='$anchor $dynamicAnchor $dynamicRef $id2 $recursiveRef $vocabulary contains contentSchema dependencies dependentRequired dependentSchemas else
 if maxContains minContains multipleOf not patternProperties propertyNames then unevaluatedItems unevaluatedProperties'
for keyword in $keywords; do
    expect 3 run --schema "{\"properties\": {\"a\": {\"$keyword\": {}}}}" "x"
    grep -qF "#/properties/a: keyword \"$keyword\" is not supported" err || fail "$keyword is not named"
done
for keyword in '"uniqueItems": true' '"minProperties": 1' '"maxProperties": 0' '"format": "phone"' '"pattern": "(?=a)"'; do
    expect 3 run --schema "{\"type\": [\"array\", \"object\", \"string\"], $keyword}" "x"
    word=${keyword%%\":*}
    says "${word#\"}\|look-around" err
done

# ---- batch ----
printf 'Who?\nWhat?\nWhere?\n' >prompts.txt
expect 0 batch prompts.txt answers.jsonl --schema person.json --temp 2 --seed 5 --parallel 3 -q
[ "$(grep -c '\\"name\\"' answers.jsonl)" = 3 ] || fail "not three persons"
expect 0 batch prompts.txt answers.txt --grammar answer.gbnf --temp 2 --seed 5 -q
[ "$(grep -cxE 'yes|no' answers.txt)" = 3 ] || fail "not three words"
expect 3 batch prompts.txt none.jsonl --schema '{"not": {}}'
[ ! -e none.jsonl ] || fail "an output of nothing"

# ---- serve ----
command -v curl >/dev/null || exit 0
start_server -q --seed 5 || exit 0
# ask CODE members...: one request, its answer in `out`
ask() {
    code=$(curl -sS -o out -w '%{http_code}' "$url/v1/completions" -d "{\"prompt\": \"Once\", \"max_tokens\": 60, \"temperature\": 2, $2}")
    [ "$code" = "$1" ] || fail "$2: status $code instead of $1"
}
form() { printf '"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": %s, "schema": %s}}' "$1" "$2"; }
ask 200 '"grammar": "root ::= \"yes\" | \"no\""'
grep -qE '"text": "(yes|no)"' out || fail "neither yes nor no"
ask 200 '"response_format": {"type": "json_object"}'
says '"text": "[ \\n]*{.*}[ \\n]*", ' out
says '"finish_reason": "stop"' out
ask 200 "$(form true "$(tr -d '\n' <person.json)")"
says '"age\\"' out
ask 200 '"response_format": {"type": "text"}'
ask 400 "$(form true '{"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}')"
says 'strict: an object without' out
ask 400 "$(form false '{"items": {"not": {}}}')"
says '#/items: keyword \\"not\\" is not supported' out
says '"param": "response_format.json_schema.schema"' out
ask 400 '"response_format": {"type": "json_object"}, "grammar": "root ::= \"x\""'
says 'does not go with another word' out
ask 400 '"grammar": "root ::= ("'
says '"param": "grammar"' out
ask 400 '"grammar": 7'
