# Completion of genhash for fish. Made by `make manual` from the options of the program.

complete -c genhash -f
complete -c genhash -s s -l server -r -f -d 'Address or name of the server'
complete -c genhash -s p -l port -r -f -d 'Port of the server'
complete -c genhash -s u -l url -r -f -d 'Path of the page'
complete -c genhash -s S -l use-ssl -d 'Speak TLS'
complete -c genhash -s I -l use-sni -d 'With TLS, send the virtual host as server name indication'
complete -c genhash -s V -l use-virtualhost -r -f -d 'Host header; the default is ADDR:PORT'
complete -c genhash -s H -l hash -r -f -a 'md5 sha1 sha256' -d 'Digest algorithm; checkers use md5 only'
complete -c genhash -s m -l fwmark -r -f -d 'Firewall mark of the socket'
complete -c genhash -s t -l timeout -r -f -d 'Time limit in seconds'
complete -c genhash -s v -l verbose -d 'Show header and body of the reply'
complete -c genhash -s r -l release -d 'Show the release'
complete -c genhash -s h -l help -d 'Show this text'
complete -c genhash -s P -l protocol -r -f -a '1.0 1.0c 1.1' -d 'HTTP version: 1.0, 1.0c (1.0 with Connection: close) or 1.1'
