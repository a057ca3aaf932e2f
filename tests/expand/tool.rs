/// Looks up the weather.
#[tool]
async fn weather(
    /// Name of the city.
    city: &str,
    days: &[u8],
    unit: Option<Unit>,
) -> Result<Weather> {
    lookup(city, days, unit).await
}
