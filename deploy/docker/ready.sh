#!/usr/bin/env bash
# Whether the process in this container can work: 0 when its management port says so. A health check runs for as long as the container, and
# starting Bun for each would cost more than many a service does.
exec 3<>"/dev/tcp/127.0.0.1/$MANAGEMENT_PORT" &&
  printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 &&
  read -r -t 4 _ status _ <&3 && [ "$status" = 200 ]
