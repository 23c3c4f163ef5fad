# shellcheck shell=bash
# The steps of STEPS_HERE, in order, with their lines in the journal. run_step and describe_step are the script's own.

STEPS_HERE=

# run_steps: those that have not ended.
run_steps() {
  local step began
  for step in $STEPS_HERE; do
    [[ -z ${STEP_ENDED[$step]-} ]] || continue
    began=$SECONDS
    note "$step"
    step_begins "$step"
    run_step "$step"
    step_ended "$step"
    keep "TIME_${step//-/_}" $((SECONDS - began))
  done
}

# say_steps: how far each came.
say_steps() {
  local step
  for step in $STEPS_HERE; do
    if [[ -n ${STEP_ENDED[$step]-} ]]; then
      say "  $step: done, ${KEPT[TIME_${step//-/_}]:-?} s"
    elif [[ -n ${STEP_BEGAN[$step]-} ]]; then
      say "  $step: begun, not ended"
    else
      say "  $step: to do"
    fi
  done
}

# describe_steps: the commands that each would run.
describe_steps() {
  local step line
  for step in $STEPS_HERE; do
    while IFS= read -r line; do say "  $step: $line"; done < <(describe_step "$step")
  done
}
