FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p app --bin flashsale \
    && cp target/release/flashsale /usr/local/bin/

FROM debian:bookworm-slim
COPY --from=build /usr/local/bin/flashsale /usr/local/bin/
# The authorities that are believed where no other is named.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER nobody
EXPOSE 8080
ENTRYPOINT ["flashsale"]
CMD ["serve"]
