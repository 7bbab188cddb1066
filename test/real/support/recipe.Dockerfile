# An ordinary image in a small form: every kind of change that a layer can make, with a command that any builder runs.
# Its mtimes differ from build to build; everything else is the same on each engine.
ARG BASE
FROM $BASE
LABEL org.opencontainers.image.title="recipe" note="with \"quotes\" and ünïcode"
ENV LANG=C.UTF-8 EMPTY= SPACED="a b"
SHELL ["/bin/sh", "-ec"]
ADD added.tar /
RUN cp -al /usr/share/tree /usr/share/copy
RUN chown -R 1000:1000 /usr/share/copy
RUN rm -rf /usr/share/doc; echo cached > /var/cache/list
RUN rm /var/cache/list; for n in $(seq 1 2 39); do rm /var/blobs/$n; done
RUN rm -rf /opt/again; mkdir -m 0700 /opt/again; echo new > /opt/again/new
RUN ln /var/blobs/2 /var/blobs/hard; ln /usr/lib/two /usr/lib/three; echo more >> /usr/lib/odd
RUN rm /opt/file-then-directory; mkdir /opt/file-then-directory; echo x > /opt/file-then-directory/x
RUN mv /usr/lib /usr/lib64; ln -s lib64 /usr/lib; mv /usr/share/tree/deep /opt/deep
RUN mknod /opt/full c 1 7; mkfifo /run/second; cp /bin/busybox /usr/bin/sudo; chmod 6755 /usr/bin/sudo
RUN mkdir -m 1777 /data "/work dir"; echo kept > /data/kept; chown -R 1000:70001 "/work dir" /data
VOLUME /data
EXPOSE 80/tcp 53/udp
WORKDIR "/work dir"
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=2s --start-period=1s --retries=2 CMD ["/bin/true"]
ONBUILD RUN echo built upon
USER 1000:70001
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo ready"]
