# The image holds the binary and nothing else: it is linked statically, so it needs no distribution under it.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# With an explicit target the flag reaches our code only, and not the build scripts and macros that run here.
RUN target="$(rustc --print host-tuple)" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --locked --profile dist --package foretell-cli --target "$target" \
    && cp "target/$target/dist/foretell" /foretell \
    && mkdir /data

FROM scratch
COPY --from=build /foretell /foretell
# The registry and the keys: mount a volume here to keep them.
COPY --from=build --chown=65532:65532 /data /data
VOLUME /data
USER 65532:65532
# Inside a container the loopback address could not be reached from outside.
# Callers then need a key: `foretell keys create`, or FORETELL_SERVER__AUTH=none.
ENV FORETELL_SERVER__HOST=0.0.0.0 FORETELL_DATA=/data
EXPOSE 8080
ENTRYPOINT ["/foretell"]
CMD ["serve"]
