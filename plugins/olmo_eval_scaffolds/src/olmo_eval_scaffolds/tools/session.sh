# One command of a session. $1 names the file that keeps the session; the command comes on the
# standard input, up to a NUL. What begins with __session_ belongs to this script.
__session_file=${TMPDIR:-/tmp}/$1
IFS= read -rd '' __session_command
exec </dev/null
set --

# Writes everything that the next shell needs: options last, for they change how the rest is read.
__session_save() {
    local __session_options __session_shopts __session_name __session_flags
    __session_options=$(set +o)
    __session_shopts=$(shopt -p)
    set +eux
    {
        compgen -v | while IFS= read -r __session_name; do
            case $__session_name in
                __session_* | BASH | BASH_* | BASHOPTS | BASHPID | COMP_* | DIRSTACK | EPOCH*) ;;
                EUID | FUNCNAME | GROUPS | HISTCMD | HOSTNAME | HOSTTYPE | LINENO | MACHTYPE) ;;
                OPTERR | OPTIND | OSTYPE | PIPESTATUS | PPID | PWD | RANDOM | SECONDS) ;;
                SHELLOPTS | SHLVL | SRANDOM | UID | _) ;;
                *) declare -p -- "$__session_name" ;;
            esac
        done
        declare -F | while IFS=' ' read -r _ __session_flags __session_name; do
            case $__session_name in __session_*) continue ;; esac
            declare -f -- "$__session_name"
            case $__session_flags in *x*) printf 'declare -fx %q\n' "$__session_name" ;; esac
        done
        alias -p
        umask -p
        printf 'cd -- %q 2>/dev/null || echo "[the folder %q is gone]" >&2\n' "$(pwd)" "$(pwd)"
        printf '%s\n' "$__session_shopts" "$__session_options"
    } >"$__session_file.new" && mv -f -- "$__session_file.new" "$__session_file"
}

shopt -s expand_aliases
# for a command that exits; a trap of its own takes the place of this one
trap '{ __session_save; } 2>/dev/null || echo "[this session could not be kept]" >&2' EXIT
if [ -f "$__session_file" ]; then . "$__session_file"; fi
eval "$__session_command"
{ __session_status=$?; __session_save; } 2>/dev/null || echo "[this session could not be kept]" >&2
case $(trap -p EXIT) in *__session_save*) trap - EXIT ;; esac
exit "$__session_status"
