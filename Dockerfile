FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p app --bin flashsale \
    && objcopy --strip-unneeded target/release/flashsale /usr/local/bin/flashsale

FROM debian:bookworm-slim
COPY --from=build /usr/local/bin/flashsale /usr/local/bin/
# The authorities that are believed where no other is named.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Without servers the ledger is in a directory of the user's own: mount a volume there to keep it.
RUN install --directory --owner=nobody --group=nogroup --mode=0700 /var/lib/flashsale
USER nobody
WORKDIR /var/lib/flashsale
ENV DATA_DIR=/var/lib/flashsale/data
# For other containers of its network. It is not exposed: whoever publishes it says so.
ENV ADMIN_ADDR=0.0.0.0:8081
VOLUME /var/lib/flashsale
EXPOSE 8080
# There is nothing else in it that speaks HTTP.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s CMD ["flashsale", "health"]
ENTRYPOINT ["flashsale"]
CMD ["serve"]
