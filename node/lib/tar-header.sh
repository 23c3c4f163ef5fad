# shellcheck shell=bash
# The fields of a tar's header as bash sees them. POSIX ustar: IEEE Std 1003.1-1988.

# The header's 512 bytes, each a decimal number: bash holds no zero bytes.
declare -a BYTE=()

# read_block TAR BLOCK: sets BYTE; whether there are so many bytes.
read_block() {
  BYTE=()
  read -r -d '' -a BYTE < <(od -An -v -tu1 -j $(($2 * 512)) -N 512 -- "$1" 2>/dev/null) || true
  ((${#BYTE[@]} == 512))
}

are_zeros() { [[ "${BYTE[*]:$1:$2}" != *[1-9]* ]]; }

is_ustar() { [[ "${BYTE[*]:257:8}" == '117 115 116 97 114 0 48 48' ]]; }

# text_at FROM MOST: sets TEXT to what stands there up to a zero byte; whether nothing but zero bytes follows.
text_at() {
  local octal='' i end=$(($1 + $2))
  TEXT=
  for ((i = $1; i < end && BYTE[i] != 0; i++)); do
    # shellcheck disable=SC2059 # the format is three octal digits
    printf -v octal "\\$((BYTE[i] / 64))$((BYTE[i] / 8 % 8))$((BYTE[i] % 8))"
    TEXT+=$octal
  done
  are_zeros "$i" $((end - i))
}

# number_at FROM BYTES: sets NUMBER_THERE; whether octal digits stand there, and zero bytes or blanks behind them.
number_at() {
  local i digits='' end=$(($1 + $2))
  NUMBER_THERE=0
  for ((i = $1; i < end && BYTE[i] >= 48 && BYTE[i] <= 55; i++)); do digits+=$((BYTE[i] - 48)); done
  [[ -n $digits ]] && ((i < end)) || return 1
  for (( ; i < end; i++)); do ((BYTE[i] == 0 || BYTE[i] == 32)) || return 1; done
  NUMBER_THERE=$((8#$digits))
}

# sum_holds: the header's checksum: the sum of its bytes, with blanks where it stands itself.
sum_holds() {
  local IFS=+ sum
  sum=$((${BYTE[*]:0:148} + ${BYTE[*]:156} + 8 * 32))
  number_at 148 8 && ((NUMBER_THERE == sum))
}
