# shellcheck shell=bash
# An age identity for this node: X25519 (RFC 7748) in Bech32 (BIP 173), as age-keygen writes it.

readonly BECH32=qpzry9x8gf2tvdw0s3jn54khce6mua7l

run_keygen() {
  local out=${OUT:-$IDENTITY} name=$NAME pem secret public recipient aside folder
  need_tools
  [[ -n $name ]] || name=$(uname -n)
  name=${name,,}
  name=${name%%.*}
  is_cluster "$name" || refuse 2 "$name is no name for a recipient" "give --name NAME: lower-case letters, digits, . _ -"
  folder=$(absolute_file "$out")
  [[ -n $folder ]] || refuse 2 "$out is in a folder that is not there" "make the folder first: mkdir -m 700 ${out%/*}"
  out=$folder
  folder=${out%/*}
  [[ ! -e $out && ! -L $out ]] || refuse 2 "$out is there already, and is not overwritten" "use it, or move it away: bundles for it open with it alone"
  pem=$(openssl genpkey -algorithm X25519 2>/dev/null) ||
    refuse 5 "this node's openssl ($(openssl version)) has no X25519" "make the identity with age-keygen elsewhere, and bring it here as $out (mode 0600)"
  # The last 32 bytes of either form in DER are the key itself (RFC 8410). Through pipes: a here-document would be a file.
  secret=$(printf '%s\n' "$pem" | openssl pkey -outform DER | tail -c 32 | od -An -v -tu1)
  public=$(printf '%s\n' "$pem" | openssl pkey -pubout -outform DER | tail -c 32 | od -An -v -tu1)
  bech32 age "$public"
  recipient=$ENCODED
  bech32 age-secret-key- "$secret"
  aside=$(mktemp "$folder/.lifeboat-key.XXXXXXXX" 2>/dev/null) || refuse 5 "no file can be made in ${folder:-/}" "run this as root, or give --out another folder"
  remove_at_end "$aside"
  printf '# created: %s\n# public key: %s\n%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$recipient" "${ENCODED^^}" >"$aside"
  dd if=/dev/null of="$aside" bs=1 count=0 conv=notrunc,fsync 2>/dev/null
  ln -T -- "$aside" "$out" 2>/dev/null || { [[ ! -e $out ]] && mv -n -T -- "$aside" "$out" && [[ ! -e $aside ]]; } ||
    refuse 2 "$out appeared meanwhile, and is not overwritten" "give --out another name"
  say "$recipient"
  note "wrote $out (0600); it never leaves this node"
  note "put this under recipients: in lifeboat.yaml:"
  note "  $name: $recipient"
}

# bech32 PREFIX BYTES: sets ENCODED. BYTES are decimal, with blanks between.
bech32() {
  local prefix=$1 i bits=0 value=0 each
  local -a byte five=() sum
  # shellcheck disable=SC2206 # decimal numbers
  byte=($2)
  for each in "${byte[@]}"; do
    value=$(((value << 8 | each) & 0xfff)) bits=$((bits + 8))
    while ((bits >= 5)); do
      bits=$((bits - 5))
      five+=($((value >> bits & 31)))
    done
  done
  ((bits == 0)) || five+=($((value << 5 - bits & 31)))
  BECH32_SUM=1
  for ((i = 0; i < ${#prefix}; i++)); do
    printf -v each '%d' "'${prefix:i:1}"
    bech32_step $((each >> 5))
  done
  bech32_step 0
  for ((i = 0; i < ${#prefix}; i++)); do
    printf -v each '%d' "'${prefix:i:1}"
    bech32_step $((each & 31))
  done
  for each in "${five[@]}" 0 0 0 0 0 0; do bech32_step "$each"; done
  sum=()
  for ((i = 5; i >= 0; i--)); do sum+=($(((BECH32_SUM ^ 1) >> 5 * i & 31))); done
  ENCODED=${prefix}1
  for each in "${five[@]}" "${sum[@]}"; do ENCODED+=${BECH32:each:1}; done
}

bech32_step() {
  local top=$((BECH32_SUM >> 25)) i
  local -a generator=(0x3b6a57b2 0x26508e6d 0x1ea119fa 0x3d4233dd 0x2a1462b3)
  BECH32_SUM=$(((BECH32_SUM & 0x1ffffff) << 5 ^ $1))
  for ((i = 0; i < 5; i++)); do
    ((!(top >> i & 1))) || BECH32_SUM=$((BECH32_SUM ^ generator[i]))
  done
}
