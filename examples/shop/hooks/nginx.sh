# What route.sh and drain.sh have in common. nginx includes a folder of files with one server each (nginx/api.conf).
#   UPSTREAMS      the folder, default ./nginx/upstreams
#   PORT           what the service listens on inside its container, default 8080
#   NGINX_RELOAD   how nginx reads its configuration again, default: docker exec nginx nginx -s reload
folder=${UPSTREAMS:-nginx/upstreams}/$SHIPPER_SERVICE
file=$folder/$SHIPPER_SLOT.$SHIPPER_RELEASE.conf
mkdir -p "$folder"

# The address at which nginx reaches the container: a port of its host if one is published, else its own address, for an nginx
# that is on the same network.
server() {
  host=$(printf %s "$SHIPPER_HOST" | sed 's|^[a-z]*://||; s|.*@||; s|[:/].*||')
  for each in $SHIPPER_ADDRESSES; do
    case $each in
      *:*"->${PORT:-8080}/tcp")
        published=${each%%->*}
        printf '%s:%s' "${host:-127.0.0.1}" "${published##*:}"
        return
        ;;
    esac
  done
  for each in $SHIPPER_ADDRESSES; do
    case $each in
      *'->'*) ;;
      *) printf '%s:%s' "$each" "${PORT:-8080}"; return ;;
    esac
  done
  echo "no address of $SHIPPER_SERVICE.$SHIPPER_SLOT: publish its port, or put it on the network of nginx" >&2
  return 1
}

reload() {
  ${NGINX_RELOAD:-docker exec nginx nginx -s reload}
}
